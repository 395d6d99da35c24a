export { addKey, type ChangedPassword, changePassword, type KeyInfo, listKeys, removeKey } from './keys.ts';

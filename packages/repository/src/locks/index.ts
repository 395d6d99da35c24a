export { removeLocks } from './unlock.ts';

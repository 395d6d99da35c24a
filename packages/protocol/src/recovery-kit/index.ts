export { isKitProof, type KitKeys, type KitSeal, kitId, kitKeys, kitProof, newKitSecret } from './kit-keys.ts';
export { numberedWords, ownPasswordOf, passwordOfPhrase } from './own-password.ts';
export { openPassword, sealPassword } from './sealed-password.ts';
export { readSealedStream, sealStream } from './sealed-stream.ts';
export { secretOf, wordsOf } from './words.ts';

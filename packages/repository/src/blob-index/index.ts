export { BlobIndex, type BlobIndexHandle, type BlobKey, type Claim } from './blob-index.ts';

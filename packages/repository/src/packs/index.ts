export { BlobOpener, type SealedBlob } from './blob-opener.ts';
export { BlobWriter, type BlobWriterOptions, type WrittenObjects } from './blob-writer.ts';
export { IndexWriter } from './index-writer.ts';
export {
  type AddedBlob,
  type FinishedPack,
  PackBuilder,
  type PackBuilderOptions,
  type PartialPack,
  type UnnamedPack,
} from './pack-builder.ts';
export { type BlobToRead, type PackRead, type PackReadOptions, planPackReads } from './pack-reads.ts';

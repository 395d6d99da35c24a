export { type MountOptions, mountRepository } from './mount-repository.ts';
export { defaultTemplates, type FolderTemplates } from './snapshot-folders.ts';

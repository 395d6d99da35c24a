export { pagesLookMs } from './limits.ts';
export { builtPagesFolder, type PageAnswer, PageFiles } from './page-files.ts';

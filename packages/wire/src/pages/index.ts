export { entityTag, namesTag } from './entity-tag.ts';
export { pagesLookMs } from './limits.ts';
export { builtPagesFolder, type PageAnswer, PageFiles } from './page-files.ts';
export { securityHeaders } from './page-headers.ts';

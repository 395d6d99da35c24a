// Where every thread begins: JavaScript, as quick-resolution is.
import './quick-resolution/index.mjs';

await import(process.argv[2]);

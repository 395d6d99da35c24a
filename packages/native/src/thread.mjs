// Where every thread begins: JavaScript, as quick-resolution.mjs is.
import './quick-resolution.mjs';

await import(process.argv[2]);

/**
 * Node's HTTP. An `import` of `node:http` would run the getters of all its exports, one of which loads Node's own fetch and
 * WebSocket: 55 ms and 12 MiB for each process, for nothing.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');

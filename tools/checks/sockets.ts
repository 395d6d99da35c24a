import type { Argument } from 'oxc-parser';
import type { Check, Finding } from './check.ts';
import { isTest, minimumSourceFiles, sourceFiles } from './source-files.ts';
import { readSource, type SourceFile } from './syntax.ts';

/** The one package that opens sockets: everything else takes a channel from it. */
const socketPackage = 'packages/wire/';
/** In a browser there is only its own `fetch`: one file of the console calls it, to the server that it came from. */
const browserTransport = 'apps/console/src/api/transport.ts';

/** Modules with a way to a socket, and what may be taken from them anywhere because it opens none. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  net: ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  tls: ['createSecureContext', 'rootCertificates', 'getCACertificates', 'checkServerIdentity'],
  dgram: [],
  http: ['STATUS_CODES', 'METHODS', 'validateHeaderName', 'validateHeaderValue'],
  https: [],
  http2: ['constants'],
  undici: [],
  ws: [],
  axios: [],
  got: [],
  'node-fetch': [],
};
const globals = new Set(['fetch', 'WebSocket', 'EventSource']);
/** Tests may open a socket of their own (to play an attacker, or a program that is not ours) if they say why. */
const exceptionComment = /^\s*socket exception: \S+/;

export const sockets: Check = {
  name: 'sockets',
  purpose: 'only packages/wire opens sockets, and only along a channel',
  async run(root) {
    const files = sourceFiles(root).filter((path) => !path.startsWith(socketPackage) && path !== browserTransport);
    const findings = files.flatMap((path) => socketFindings(readSource(root, path)));
    return { filesSeen: files.length, filesExpected: minimumSourceFiles / 2, findings };
  },
};

function socketFindings(source: SourceFile): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (line: number, what: string): void => {
    if (!isExcepted(source, line))
      findings.push({
        file: source.path,
        line,
        message: `${what}: sockets are opened by packages/wire, along a channel`,
      });
  };
  for (const use of source.imports) {
    const permitted = harmless[use.specifier.replace(/^node:/, '')];
    if (!permitted || use.typeOnly) continue;
    const names = use.names.filter((name) => !permitted.includes(name));
    if (names.length > 0) add(use.line, `${names.join(', ')} from ${use.specifier}`);
  }
  // A thing of one's own may not be called so either: whoever reads the call could not tell.
  const addGlobal = (node: Argument): void => {
    if (node.type === 'Identifier' && globals.has(node.name)) add(source.lineOf(node.start), `the global ${node.name}`);
  };
  source.visit({
    CallExpression(node) {
      const [first] = node.arguments;
      for (const part of [node.callee, ...node.arguments]) addGlobal(part);
      const { callee } = node;
      const isListen =
        callee.type === 'MemberExpression' &&
        callee.property.type === 'Identifier' &&
        callee.property.name === 'listen';
      if (isListen && first && isAddress(first)) add(source.lineOf(node.start), '.listen() with an address');
    },
    NewExpression(node) {
      for (const part of [node.callee, ...node.arguments]) addGlobal(part);
    },
    MemberExpression(node) {
      const { object, property } = node;
      const isGlobal = object.type === 'Identifier' && (object.name === 'globalThis' || object.name === 'global');
      if (isGlobal && property.type === 'Identifier' && globals.has(property.name))
        add(source.lineOf(node.start), `the global ${property.name}`);
    },
  });
  return findings;
}

/** A port, or options with one: what Node's own servers take, and `wire` never. */
function isAddress(argument: Argument): boolean {
  if (argument.type === 'Literal') return typeof argument.value === 'number';
  if (argument.type !== 'ObjectExpression') return false;
  return argument.properties.some(
    (property) =>
      property.type === 'Property' &&
      property.key.type === 'Identifier' &&
      ['port', 'host', 'path', 'fd'].includes(property.key.name),
  );
}

/** The comment stands on the line itself or alone on the line before. */
function isExcepted(source: SourceFile, line: number): boolean {
  if (!isTest(source.path) && !source.path.startsWith('tools/')) return false;
  return source.comments.some((comment) => {
    const at = source.lineOf(comment.start);
    return exceptionComment.test(comment.value) && (at === line || at === line - 1);
  });
}

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { ArrowFunctionExpression, CallExpression, Expression } from 'oxc-parser';
import type { Check, Finding } from './check.ts';
import { isTest, minimumSourceFiles, sourceFiles, textFiles } from './source-files.ts';
import { readSource, type SourceFile } from './syntax.ts';

/** Longer files hold more than one concept. Tests and tables of data may be longer. */
const maximumLines = 450;
const dataFiles = [
  /^packages\/core\/src\/error-table\.ts$/,
  /^packages\/contract\/src\/(channels|rows)\//,
  /-data\.ts$/,
];
const fileName = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/;
const emptyName = /(^|[-/])(utils?|helpers?|managers?|misc)([-./]|$)/;
const unfinished = /\b(TODO|FIXME|XXX|HACK)\b/;
/** Letters apart, so that the check does not find itself. */
const vendorName = new RegExp(['v', 'e', 'e', 'a', 'm'].join(''), 'i');
const swallowed = 'a swallowed rejection: handle it, or say in it why nothing is to be done';
const suppression = /(oxlint-disable|eslint-disable|biome-ignore|@ts-ignore|@ts-nocheck|@ts-expect-error)/;
/** A suppression gives its reason after a dash or colon. */
const reasonedSuppression = /(oxlint-disable|eslint-disable|biome-ignore)\S*.*(--|:) \S+ \S+/;

export const style: Check = {
  name: 'style',
  purpose: 'file sizes and names, finished code, nothing swallowed, neutral names',
  async run(root) {
    const files = sourceFiles(root);
    const texts = textFiles(root);
    const findings = [
      ...files.flatMap((path) => styleFindings(readSource(root, path))),
      ...texts.flatMap((path) => textFindings(path, readFileSync(join(root, path), 'utf8'))),
    ];
    return { filesSeen: files.length, filesExpected: minimumSourceFiles, findings };
  },
};

function textFindings(path: string, text: string): readonly Finding[] {
  const findings: Finding[] = [];
  if (emptyName.test(path))
    findings.push({ file: path, message: 'the name says nothing: name the one concept it holds' });
  for (const [index, line] of text.split('\n').entries())
    if (vendorName.test(line))
      findings.push({ file: path, line: index + 1, message: "a vendor's name: use the neutral one" });
  return findings;
}

function styleFindings(source: SourceFile): readonly Finding[] {
  const { path } = source;
  const findings: Finding[] = [];
  const add = (offset: number, message: string): void => {
    findings.push({ file: path, line: source.lineOf(offset), message });
  };
  if (!fileName.test(posix.basename(path))) findings.push({ file: path, message: 'file names are kebab-case' });
  if (source.lineCount > maximumLines && !isTest(path) && !dataFiles.some((pattern) => pattern.test(path)))
    findings.push({
      file: path,
      message: `${source.lineCount} lines, ${maximumLines} are allowed: split it by concept`,
    });
  for (const comment of source.comments) {
    if (unfinished.test(comment.value)) add(comment.start, `unfinished: ${comment.value.trim()}`);
    if (suppression.test(comment.value) && !reasonedSuppression.test(comment.value))
      add(comment.start, 'a suppressed finding without a reason (-- why), or one that may not be suppressed');
  }
  const isSilent = (body: {
    readonly start: number;
    readonly end: number;
    readonly body: readonly unknown[];
  }): boolean =>
    body.body.length === 0 &&
    !source.comments.some(({ start, end, value }) => start > body.start && end < body.end && /\w+ \w+ \w+/.test(value));
  source.visit({
    CatchClause(node) {
      if (isSilent(node.body))
        add(node.start, 'an empty catch: handle the error, or say in it why nothing is to be done');
    },
    TSAsExpression(node) {
      if (node.typeAnnotation.type === 'TSAnyKeyword' || node.typeAnnotation.type === 'TSNeverKeyword')
        add(
          node.start,
          `${source.text.slice(node.typeAnnotation.start - 3, node.typeAnnotation.end)} switches the types off`,
        );
    },
    ExpressionStatement(node) {
      const rejection = forgottenRejection(node.expression);
      if (rejection) add(rejection.start, swallowed);
    },
    CallExpression(node) {
      const handler = catchHandler(node);
      if (handler?.body.type === 'BlockStatement' && isSilent(handler.body)) add(handler.start, swallowed);
      const { callee } = node;
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return;
      if (callee.property.name === 'module' && callee.object.type === 'Identifier' && callee.object.name === 'mock')
        add(node.start, 'a module mock: inject what the test replaces');
    },
  });
  return findings;
}

/** The arrow function of `promise.catch(() => …)`. */
function catchHandler(node: CallExpression): ArrowFunctionExpression | undefined {
  const {
    callee,
    arguments: [first],
  } = node;
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return undefined;
  return callee.property.name === 'catch' && first?.type === 'ArrowFunctionExpression' ? first : undefined;
}

/** `promise.catch(() => undefined)` as a statement, awaited or not: nobody will ever see the value nor the error. */
function forgottenRejection(statement: Expression): ArrowFunctionExpression | undefined {
  const isWrapped =
    statement.type === 'AwaitExpression' || (statement.type === 'UnaryExpression' && statement.operator === 'void');
  const expression = isWrapped ? statement.argument : statement;
  const handler = expression.type === 'CallExpression' ? catchHandler(expression) : undefined;
  return handler && isNothing(handler.body) ? handler : undefined;
}

/** `undefined`, `null`, `void 0`, a literal. */
function isNothing(body: ArrowFunctionExpression['body']): boolean {
  return (
    body.type === 'Literal' ||
    body.type === 'UnaryExpression' ||
    (body.type === 'Identifier' && body.name === 'undefined')
  );
}

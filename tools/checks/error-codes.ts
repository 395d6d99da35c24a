import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Argument } from 'oxc-parser';
import type { Check, Finding } from './check.ts';
import { isTest, minimumSourceFiles, sourceFiles } from './source-files.ts';
import { readSource } from './syntax.ts';

const tablePath = 'packages/core/src/error-table.ts';
export const errorCodes: Check = {
  name: 'error codes',
  purpose: "every code stands in core's table, and every code of the table is used",
  async run(root) {
    const codes = await tableCodes(root);
    const files = sourceFiles(root).filter((path) => path !== tablePath);
    const used = new Set<string>();
    const findings: Finding[] = [];
    for (const path of files) {
      const source = readSource(root, path);
      const expectCodes = (candidates: readonly Argument[]): void => {
        for (const one of candidates)
          if (one.type === 'Literal' && typeof one.value === 'string' && !codes.has(one.value))
            findings.push({
              file: path,
              line: source.lineOf(one.start),
              message: `${one.value} is not in ${tablePath}`,
            });
      };
      source.visit({
        Literal(node) {
          if (typeof node.value === 'string' && !isTest(path)) used.add(node.value);
        },
        NewExpression(node) {
          if (node.callee.type === 'Identifier' && node.callee.name === 'HoldfastError')
            expectCodes(node.arguments.slice(0, 1));
        },
        CallExpression(node) {
          if (node.callee.type === 'Identifier' && node.callee.name === 'hasCode') expectCodes(node.arguments.slice(1));
        },
      });
    }
    for (const code of codes)
      if (!used.has(code)) findings.push({ file: tablePath, message: `nothing uses ${code}`, severity: 'warning' });
    return { filesSeen: files.length, filesExpected: minimumSourceFiles, findings };
  },
};

async function tableCodes(root: string): Promise<ReadonlySet<string>> {
  const table: unknown = await import(pathToFileURL(join(root, tablePath)).href);
  if (typeof table !== 'object' || table === null || !('errorTable' in table))
    throw new Error(`${tablePath} has no table`);
  const codes = Object.keys(table.errorTable ?? {});
  if (codes.length === 0) throw new Error(`the table in ${tablePath} is empty`);
  return new Set(codes);
}

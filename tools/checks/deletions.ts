import type { CallExpression, Expression } from 'oxc-parser';
import type { Check, Finding } from './check.ts';
import { isTest, minimumSourceFiles, sourceFiles } from './source-files.ts';
import { readSource, type SourceFile } from './syntax.ts';

/** Where objects of a repository are deleted: without a mover, and on one. Whatever keeps them for a while longer goes there. */
const places = new Set(['packages/repository/src/delete-object.ts', 'apps/mover/src/guarded-repository.ts']);
/** The storage targets themselves, and what wraps one. */
const targets = 'packages/storage/';

/** Here repositories lie within reach as files: nothing may remove any past their target. */
const besideFiles = ['packages/repository/', 'apps/mover/'];
/** Copies of the server's configuration backup, which are in no repository. */
const removesOwnFiles = new Set(['apps/mover/src/configuration-copies.ts']);
const removals = new Set(['rm', 'rmSync', 'rmdir', 'rmdirSync', 'unlink', 'unlinkSync', 'truncate', 'truncateSync']);
/** Through these every one of them can be reached. */
const wholeModule = new Set(['*', 'default', 'promises']);

/** What a storage target is called in this code. */
const targetName = /^#?(target|disk|storage|inner)$|Target$/;

export const deletions: Check = {
  name: 'deletions',
  purpose: 'objects of a repository are deleted in one place, and on a mover in one',
  async run(root) {
    const files = sourceFiles(root).filter((path) => !isTest(path) && !path.startsWith(targets) && !places.has(path));
    const findings = files.flatMap((path) => deletionFindings(readSource(root, path)));
    return { filesSeen: files.length, filesExpected: minimumSourceFiles / 2, findings };
  },
};

function deletionFindings(source: SourceFile): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (line: number, message: string): void => {
    findings.push({ file: source.path, line, message });
  };
  if (besideFiles.some((folder) => source.path.startsWith(folder)) && !removesOwnFiles.has(source.path))
    for (const use of source.imports) {
      if (use.typeOnly || !/^(node:)?fs(\/promises)?$/.test(use.specifier)) continue;
      const names = use.names.filter((name) => removals.has(name) || wholeModule.has(name));
      if (names.length > 0)
        add(use.line, `${names.join(', ')} from ${use.specifier}: files of a repository are deleted by its target`);
    }
  source.visit({
    CallExpression(node) {
      if (isObjectDeletion(node))
        add(source.lineOf(node.start), `deletes an object of a repository: use ${[...places].join(' or ')}`);
    },
  });
  return findings;
}

/**
 * A call of a target's `delete`, which takes an object's name and options, and not that of a Map or Set, which takes one key: by
 * what it is given, or by what its target is called.
 */
function isObjectDeletion({ callee, arguments: given }: CallExpression): boolean {
  if (callee.type !== 'MemberExpression' || callee.property.type === 'PrivateIdentifier') return false;
  if (nameOf(callee.property) !== 'delete') return false;
  const receiver = nameOf(callee.object.type === 'MemberExpression' ? callee.object.property : callee.object);
  // An open repository, and a mover's guarded one: they lead to the places.
  if (receiver !== undefined && /^#?(r|.*R)epository$/.test(receiver)) return false;
  return (
    given.length > 1 || given[0]?.type === 'ObjectExpression' || (receiver !== undefined && targetName.test(receiver))
  );
}

function nameOf(node: Expression | { readonly type: 'PrivateIdentifier'; readonly name: string }): string | undefined {
  if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') return node.name;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;
}

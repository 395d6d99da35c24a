import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Comment, type Program, parseSync, Visitor, type VisitorObject } from 'oxc-parser';

/** A module that a file names, in any of the ways to name one. */
export interface ImportUse {
  readonly specifier: string;
  /** Erased at run time. */
  readonly typeOnly: boolean;
  /** Names of the values taken; `*` for the whole module or an unknown part of it, `default` for the default export. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  readonly comments: readonly Comment[];
  readonly imports: readonly ImportUse[];
  readonly program: Program;
  visit(visitor: VisitorObject): void;
  /** The line, from 1, of an offset. */
  lineOf(offset: number): number;
}

export function readSource(root: string, path: string): SourceFile {
  return parseSource(path, readFileSync(join(root, path), 'utf8'));
}

function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  const lineOf = (offset: number): number => {
    const next = lineStarts.findIndex((start) => start > offset);
    return next === -1 ? lineStarts.length : next;
  };
  const visit = (visitor: VisitorObject): void => new Visitor(visitor).visit(program);
  const lineCount = lineStarts.length - (text.endsWith('\n') ? 1 : 0);
  return { path, text, lineCount, comments, program, visit, lineOf, imports: importsOf(visit, lineOf) };
}

function importsOf(visit: (visitor: VisitorObject) => void, lineOf: (offset: number) => number): readonly ImportUse[] {
  const uses: ImportUse[] = [];
  const add = (specifier: string, start: number, names: readonly string[], typeOnly: boolean): void => {
    uses.push({ specifier, line: lineOf(start), names, typeOnly });
  };
  visit({
    ImportDeclaration(node) {
      const names = node.specifiers.flatMap((specifier) => {
        if (specifier.type === 'ImportNamespaceSpecifier') return ['*'];
        if (specifier.type === 'ImportDefaultSpecifier') return ['default'];
        return specifier.importKind === 'type' ? [] : [nameOf(specifier.imported)];
      });
      const typeOnly = node.importKind === 'type' || (node.specifiers.length > 0 && names.length === 0);
      add(node.source.value, node.start, node.importKind === 'type' ? [] : names, typeOnly);
    },
    ExportNamedDeclaration(node) {
      if (!node.source) return;
      const values = node.specifiers.filter((specifier) => specifier.exportKind !== 'type');
      const typeOnly = node.exportKind === 'type' || (node.specifiers.length > 0 && values.length === 0);
      add(node.source.value, node.start, typeOnly ? [] : values.map((specifier) => nameOf(specifier.local)), typeOnly);
    },
    ExportAllDeclaration(node) {
      add(node.source.value, node.start, node.exportKind === 'type' ? [] : ['*'], node.exportKind === 'type');
    },
    ImportExpression(node) {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string')
        add(node.source.value, node.start, ['*'], false);
    },
    TSImportType(node) {
      add(node.source.value, node.start, [], true);
    },
    TSImportEqualsDeclaration(node) {
      if (node.moduleReference.type === 'TSExternalModuleReference')
        add(node.moduleReference.expression.value, node.start, ['*'], node.importKind === 'type');
    },
    CallExpression(node) {
      const [first] = node.arguments;
      if (first?.type !== 'Literal' || typeof first.value !== 'string') return;
      const { callee } = node;
      const isRequire = callee.type === 'Identifier' && callee.name === 'require';
      const isBuiltin =
        callee.type === 'MemberExpression' &&
        callee.property.type === 'Identifier' &&
        callee.property.name === 'getBuiltinModule';
      if (isRequire || isBuiltin) add(first.value, node.start, ['*'], false);
    },
  });
  return uses;
}

/** `a`, also where it is written as a string, and `default`. */
function nameOf(name: { readonly type: string; readonly name?: string; readonly value?: string }): string {
  return name.name ?? name.value ?? '*';
}

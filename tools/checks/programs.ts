/** The checks that other programs make. Each proves by its own count that it looked at every source file. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, CheckReport, Finding } from './check.ts';
import { type ProgramOutput, runNode } from './program.ts';
import { minimumSourceFiles, sourceFiles } from './source-files.ts';

/** Folders with a TypeScript configuration: what runs on Node, and what runs in browsers. */
const typeProjects = ['', 'apps/console'];
const tscOptions = ['--listFiles', '--pretty', 'false'];

export const types: Check = {
  name: 'types',
  purpose: 'TypeScript, as strict as it gets',
  async run(root) {
    const projects = typeProjects.filter((folder) => existsSync(join(root, folder, 'tsconfig.json')));
    const outputs = await Promise.all(
      projects.map((folder) =>
        runNode(root, 'node_modules/typescript/bin/tsc', ['-p', join(root, folder), ...tscOptions]),
      ),
    );
    // The console's project reads what it imports of the other packages as well.
    const lines = [...new Set(outputs.flatMap(({ stdout }) => stdout.split('\n')))].filter((line) => line !== '');
    const output = outputs.find(({ status }) => status !== 0) ?? { status: 0, stdout: '', stderr: '' };
    const findings = lines.flatMap((line): readonly Finding[] => {
      const match = /^(?:(.+?)\((\d+),\d+\): )?error (TS\d+: .*)$/.exec(line);
      if (!match) return [];
      const message = match[3] ?? line;
      return [match[1] === undefined ? { message } : { file: match[1], line: Number(match[2]), message }];
    });
    const seen = lines.filter((line) => /^\/.*\.tsx?$/.test(line) && !line.includes('/node_modules/')).length;
    return report(root, 'tsc', output, seen, findings);
  },
};

interface BiomeReport {
  readonly summary: { readonly changed: number; readonly unchanged: number };
  readonly diagnostics: readonly {
    readonly severity: string;
    readonly message: string;
    readonly location?: { readonly path?: string };
  }[];
}

export const format: Check = {
  name: 'format',
  purpose: 'biome: one format and import order (npm run fix)',
  async run(root) {
    const args = ['ci', '--colors=off', '--reporter=json', '--max-diagnostics=none', '.'];
    const output = await runNode(root, 'node_modules/@biomejs/biome/bin/biome', args);
    const { summary, diagnostics } = JSON.parse(output.stdout) as BiomeReport;
    const findings = diagnostics.map(({ message, location }): Finding => {
      const text =
        message === 'File content differs from formatting output' ? 'is not formatted (npm run fix)' : message;
      return location?.path === undefined ? { message: text } : { file: location.path, message: text };
    });
    return report(root, 'biome', output, summary.changed + summary.unchanged, findings);
  },
};

interface OxlintReport {
  readonly number_of_files: number;
  readonly number_of_rules: number;
  readonly diagnostics: readonly {
    readonly message: string;
    readonly code?: string;
    readonly severity: string;
    readonly filename?: string;
    readonly labels: readonly { readonly span: { readonly line?: number } }[];
  }[];
}

/** Fewer rules mean that the configuration was not read, or the type-aware ones are off. */
const minimumRules = 150;

export const lint: Check = {
  name: 'lint',
  purpose: 'oxlint with type-aware rules',
  async run(root) {
    const output = await runNode(root, 'node_modules/oxlint/bin/oxlint', ['--type-aware', '--format=json', '.']);
    const { number_of_files, number_of_rules, diagnostics } = JSON.parse(output.stdout) as OxlintReport;
    const findings = diagnostics.map(({ code, message, filename, labels, severity }): Finding => {
      const line = labels[0]?.span.line;
      return {
        ...(filename === undefined ? {} : { file: filename }),
        ...(line === undefined ? {} : { line }),
        message: code === undefined ? message : `${code}: ${message}`,
        severity: severity === 'error' ? 'error' : 'warning',
      };
    });
    if (number_of_rules < minimumRules) findings.push({ message: `only ${number_of_rules} rules were on` });
    return report(root, 'oxlint', output, number_of_files, findings);
  },
};

/** What `knip-reporter.ts` prints. */
interface KnipReport {
  readonly processed: number;
  readonly issues: readonly {
    readonly file: string;
    readonly line?: number;
    readonly type: string;
    readonly symbol: string;
  }[];
}

export const unused: Check = {
  name: 'unused',
  purpose: 'knip: no unused file, export or dependency',
  async run(root) {
    const args = [
      '--directory',
      root,
      '--reporter',
      './tools/checks/knip-reporter.ts',
      '--no-progress',
      '--no-config-hints',
    ];
    const output = await runNode(root, 'node_modules/knip/bin/knip.js', args);
    const { processed, issues } = JSON.parse(output.stdout) as KnipReport;
    const findings = issues.map(({ file, line, type, symbol }): Finding => {
      const message = type === 'files' ? 'nothing uses this file' : `${type}: ${symbol}`;
      return line === undefined ? { file, message } : { file, line, message };
    });
    return report(root, 'knip', output, processed, findings);
  },
};

/** A program that failed without a finding did not look at the code at all. */
function report(
  root: string,
  name: string,
  output: ProgramOutput,
  filesSeen: number,
  findings: readonly Finding[],
): CheckReport {
  const silent = output.status !== 0 && findings.length === 0;
  const failure: Finding = { message: `${name} ended with ${output.status}: ${output.stderr.trim().slice(0, 2000)}` };
  return {
    filesSeen,
    filesExpected: Math.max(minimumSourceFiles, sourceFiles(root).length),
    findings: silent ? [failure] : findings,
  };
}

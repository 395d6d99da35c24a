/**
 * `npm run check [-- NAME …]` runs the checks of the workspace and prints a table; `npm run fix` formats the code and
 * writes the generated pages first. `npm test` runs the same checks as tests.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { allChecks } from './checks/all.ts';
import { type CheckResult, formatFinding, runCheck } from './checks/check.ts';
import { generators } from './checks/generated-docs.ts';
import { runNode } from './checks/program.ts';

/** More findings of one check than this only hide the first ones. */
const shownFindings = 40;

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: { fix: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const checks = allChecks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (checks.length === 0) {
  console.error(`No such check. There are: ${allChecks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
if (values.fix) await fix();
const results = await Promise.all(checks.map((check) => runCheck(check, root)));
for (const result of results) printFindings(result);
printTable(results);
process.exitCode = results.some((result) => result.errors.length > 0) ? 1 : 0;

async function fix(): Promise<void> {
  for (const { script } of generators) await runNode(root, script, []);
  await runNode(root, 'node_modules/@biomejs/biome/bin/biome', ['check', '--write', '.']);
}

function printFindings({ check, errors, warnings }: CheckResult): void {
  if (errors.length + warnings.length === 0) return;
  console.log(`\n${check.name}: ${check.purpose}`);
  for (const finding of errors.slice(0, shownFindings)) console.log(`  ✖ ${formatFinding(finding)}`);
  for (const finding of warnings.slice(0, shownFindings)) console.log(`  ⚠ ${formatFinding(finding)}`);
  const hidden = Math.max(0, errors.length - shownFindings) + Math.max(0, warnings.length - shownFindings);
  if (hidden > 0) console.log(`  … and ${hidden} more`);
}

function printTable(rows: readonly CheckResult[]): void {
  console.log('\n  check            files   errors  warnings     time');
  for (const { check, filesSeen, errors, warnings, durationMs } of rows) {
    const cells = [
      String(filesSeen).padStart(6),
      String(errors.length).padStart(9),
      String(warnings.length).padStart(10),
    ];
    const mark = errors.length > 0 ? '✖' : '✔';
    console.log(
      `${mark} ${check.name.padEnd(15)}${cells.join('')}${`${(durationMs / 1000).toFixed(1)} s`.padStart(9)}`,
    );
  }
}

import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { allChecks } from './checks/all.ts';
import { type CheckResult, type Finding, formatFinding, runCheck } from './checks/check.ts';

const root = join(import.meta.dirname, '..');
const configuration = ['.gitignore', 'package.json', 'tsconfig.json', 'biome.json', '.oxlintrc.json', 'knip.json'];

/** What each check must find in the tree that is wrong on purpose, as it is printed. */
const planted: Readonly<Record<string, readonly RegExp[]>> = {
  types: [/^packages\/core\/src\/bad-types\.ts:1 .*TS2322/],
  format: [/^packages\/core\/src\/bad-format\.ts .*not formatted/],
  lint: [
    /^packages\/core\/src\/bad-lint\.ts:8 .*no-floating-promises/,
    /^packages\/core\/src\/bad-lint\.ts:12 .*no-misused-promises/,
    /^packages\/core\/src\/bad-lint\.ts:17 .*switch-exhaustiveness-check/,
    /^packages\/core\/src\/bad-lint\.ts:25 .*no-explicit-any/,
    /^packages\/core\/src\/bad-lint\.ts:26 .*no-non-null-assertion/,
    /^packages\/core\/src\/bad-lint\.ts:26 .*no-unsafe-member-access/,
  ],
  unused: [
    /^packages\/wire\/src\/helpers\.ts .*nothing uses this file/,
    /^packages\/contract\/package\.json.* dependencies: left-pad/,
  ],
  boundaries: [
    /^packages\/core\/src\/index\.ts:1 .*@holdfast\/wire is not declared/,
    /^packages\/contract\/package\.json .*left-pad must have an exact version/,
    /^packages\/contract\/package\.json .*export \.\/inner .*second door/,
    /^packages\/contract\/src\/index\.ts:1 .*write node:path/,
    /^packages\/contract\/src\/index\.ts:2 .*zod is not declared/,
    /^packages\/storage\/src\/alpha\/target\.ts:1 .*target alpha may not import the target beta/,
    /^packages\/repository\/src\/index\.ts:1 .*concrete storage target \(openAlpha\)/,
    /^packages\/repository\/src\/index\.ts:2 .*deep import/,
    /^packages\/repository\/src\/index\.ts:3 .*leaves the package/,
    /^packages\/nowhere\/package\.json .*has no place/,
    /^apps\/server\/package\.json .*may not depend on @holdfast\/repository/,
    /^apps\/server\/src\/index\.ts:1 .*may not import @holdfast\/repository/,
    /^apps\/cli\/src\/index\.ts:2 .*@holdfast\/server is imported by apps\/cli\/src\/roles\/server\.ts.* alone/,
    /^cycle of packages: core -> wire -> core|^cycle of packages: wire -> core -> wire/,
  ],
  sockets: [
    /bad-sockets\.ts:3 .*connect from node:tls/,
    /bad-sockets\.ts:5 .*default from node:dgram/,
    /bad-sockets\.ts:8 .*global fetch/,
    /bad-sockets\.ts:9 .*global fetch/,
    /bad-sockets\.ts:10 .*global WebSocket/,
    /bad-sockets\.ts:11 .*node:https/,
    /bad-sockets\.ts:12 .*node:http2/,
    /bad-sockets\.ts:13 .*listen/,
    /bad-sockets\.ts:18 .*global fetch/,
    /excepted\.test\.ts:3 .*connect from node:net/,
  ],
  deletions: [
    /bad-deletions\.ts:2 .*unlink from node:fs\/promises/,
    /bad-deletions\.ts:5 .*deletes an object/,
    /bad-deletions\.ts:6 .*deletes an object/,
    /bad-deletions\.ts:7 .*deletes an object/,
    /bad-deletions\.ts:8 .*deletes an object/,
    /bad-deletions\.ts:9 .*\* from node:fs/,
  ],
  style: [
    /bad-style\.ts:1 .*unfinished/,
    /bad-style\.ts:5 .*empty catch/,
    /bad-style\.ts:6 .*swallowed/,
    /bad-style\.ts:7 .*swallowed/,
    /bad-style\.ts:8 .*without a reason/,
    /bad-style\.ts:9 .*as any/,
    /bad-style\.ts:10 .*as never/,
    /BadName\.ts .*kebab-case/,
    /helpers\.ts .*says nothing/,
    /long-file\.ts .*451 lines/,
    /notes\.md:1 .*vendor/,
  ],
  'error codes': [/^packages\/core\/src\/index\.ts:11 .*unknown\.code is not in/],
  'lock file': [/node_modules\/left-pad has no integrity/, /node_modules\/tool wants tool-other, which is not locked/],
  'generated docs': [/^docs\/PORTS\.md .*out of date/, /^docs\/errors\.md .*missing/],
};

/** Where a check may not complain: the good neighbours of the planted faults. */
const innocent = [
  /bad-deletions\.ts:(1|1[2-7]) /,
  /bad-sockets\.ts:[1247] /,
  /excepted\.test\.ts:2 /,
  /bad-style\.ts:1[3-9] /,
];

const badTree = knownBadTree();
const lines = (findings: readonly Finding[]): readonly string[] => findings.map(formatFinding);

test('every check has planted faults to find', () => {
  assert.deepEqual(Object.keys(planted).sort(), allChecks.map(({ name }) => name).sort());
});

for (const check of allChecks)
  test(`the check "${check.name}" fails on what is wrong, and on nothing else there`, async () => {
    const errors = lines((await runCheck(check, badTree)).errors);
    for (const pattern of planted[check.name] ?? [])
      assert.ok(
        errors.some((line) => pattern.test(line)),
        `not found: ${pattern}\nfound:\n${errors.join('\n')}`,
      );
    if (['sockets', 'deletions', 'style'].includes(check.name))
      for (const pattern of innocent)
        assert.deepEqual(
          errors.filter((line) => pattern.test(line)),
          [],
        );
  });

test('a check fails where it finds nothing to look at', async (t) => {
  const empty = temporaryFolder(t);
  prepare(empty);
  const results: CheckResult[] = [];
  for (const check of allChecks) results.push(await runCheck(check, empty));
  for (const { check, errors } of results) assert.ok(errors.length > 0, `${check.name} passes on an empty folder`);
});

test('codes that nothing uses are warnings', async () => {
  const check = allChecks.find(({ name }) => name === 'error codes');
  assert.ok(check);
  assert.deepEqual(lines((await runCheck(check, badTree)).warnings), [
    'packages/core/src/error-table.ts  nothing uses known.unused',
  ]);
});

function knownBadTree(): string {
  const folder = temporaryFolder({ after });
  cpSync(join(root, 'tools', 'fixtures', 'known-bad'), folder, { recursive: true });
  prepare(folder);
  writeFileSync(join(folder, 'packages', 'core', 'src', 'long-file.ts'), '// one more line\n'.repeat(451));
  writeFileSync(join(folder, 'notes.md'), `made after ${['V', 'e', 'e', 'a', 'm'].join('')}\n`);
  return folder;
}

/** The real configuration and the real programs. */
function prepare(folder: string): void {
  for (const name of configuration) copyFileSync(join(root, name), join(folder, name));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'tools'));
  mkdirSync(join(folder, 'tools', 'checks'));
  copyFileSync(join(root, 'tools/checks/knip-reporter.ts'), join(folder, 'tools/checks/knip-reporter.ts'));
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import fc from 'fast-check';
import type { Plan, PlannedHost } from '../plan/plan.ts';
import { parsePf } from '../testing/pf-grammar.ts';
import { powerShellParser } from '../testing/powershell-script.ts';
import { hostileName, samplePlan } from '../testing/sample-plan.ts';
import { findRenderer, renderers } from './registry.ts';
import type { Rendering } from './renderer.ts';
import { fileStem } from './safe-text.ts';

const hostRenderers = renderers.filter(({ scope, id }) => scope === 'host' && id !== 'ansible');

/** What ends a string, a comment or a command somewhere, among what somebody might write. */
const pieces = [
  ...[
    '"',
    "'",
    '`',
    '\\',
    '\n',
    '\r\n',
    '\u2028',
    '#',
    ';',
    '{',
    '}',
    '$(reboot)',
    '%',
    '-->',
    '--',
    '<![CDATA[',
    '&amp;',
  ],
  ...[
    'END_OF_RULES',
    'END_OF_FILE',
    '\nEND_OF_RULES\nreboot\n',
    '*/',
    '‘',
    '’',
    '‚',
    '“',
    '\u0000',
    '\u202E',
    '../',
    ' -j ACCEPT',
  ],
];
const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 12 })
  .map((parts) => parts.join(''));
const texts = fc.array(hostileText, { minLength: 6, maxLength: 6 });

/** The sample plan with other texts wherever a topology brings one. */
function withTexts(given: readonly string[]): Plan {
  let next = 0;
  const text = (): string => given[next++ % given.length] ?? '';
  const hosts = new Map<PlannedHost, PlannedHost>(
    samplePlan.hosts.map((host, index) => [
      host,
      { ...host, name: `${index}${text()}`, zone: text(), names: host.names.length > 0 ? [text()] : [] },
    ]),
  );
  const renamed = (all: readonly PlannedHost[]): readonly PlannedHost[] => all.map((host) => hosts.get(host) ?? host);
  return {
    name: text(),
    hosts: [...hosts.values()],
    flows: samplePlan.flows.map((flow, index) => ({
      ...flow,
      id: `${index}${text()}`,
      from: renamed(flow.from),
      to: renamed(flow.to),
      reasons: flow.channels.length > 0 ? flow.reasons : [text()],
    })),
    notes: [text()],
  };
}

/** What is left when the places for texts are emptied, which must hold nothing but harmless characters. */
function withoutTexts({ files, removal }: Rendering): readonly string[] {
  return [...files, ...removal].map(({ content }) =>
    String(content)
      .replaceAll(/administrator:[A-Za-z0-9 ._:,/+=@-]*/g, 'administrator')
      .replace(/Holdfast: rules of the host [A-Za-z0-9 ._:,/+=@-]*/, ''),
  );
}

for (const renderer of hostRenderers)
  test(`${renderer.id}: whatever hosts and reasons are called, the rules are the same, in files of safe names`, async () => {
    const expected = withoutTexts(await renderer.render(withTexts(['harmless'])));
    const safePath = /^(?:removal\/)?[a-z0-9_][a-z0-9._-]*$/;
    await fc.assert(
      fc.asyncProperty(texts, async (given) => {
        const rendering = await renderer.render(withTexts(given));
        assert.deepEqual(withoutTexts(rendering), expected);
        const paths = [...rendering.files, ...rendering.removal].map(({ path }) => path);
        for (const path of paths) assert.match(path, safePath);
        assert.equal(new Set(paths).size, paths.length);
      }),
      { numRuns: 50 },
    );
  });

test('pf and PowerShell: what the parsers see is the same too', async () => {
  const parsePowerShell = await powerShellParser();
  const parsed = async (plan: Plan): Promise<readonly unknown[]> => {
    const pf = (await findRenderer('pf')?.render(plan))?.files ?? [];
    const windows = (await findRenderer('windows-firewall')?.render(plan))?.files ?? [];
    return [
      ...pf.map(({ content }) => parsePf(String(content)).map((rule) => ({ ...rule, label: undefined }))),
      ...windows.map(({ content }) =>
        parsePowerShell(String(content)).map(({ name, parameters }) => ({
          name,
          ...parameters,
          DisplayName: undefined,
        })),
      ),
    ];
  };
  const expected = await parsed(withTexts(['harmless']));
  assert.equal(expected.length, 16);
  await fc.assert(
    fc.asyncProperty(texts, async (given) => assert.deepEqual(await parsed(withTexts(given)), expected)),
    { numRuns: 10 },
  );
});

test('files have the names of their hosts, which no file system finds too long', () => {
  assert.equal(fileStem('WEB-1.Example_x'), 'web-1.example_x');
  const names = [
    '',
    '../x',
    '.x',
    '-x',
    'a b',
    'A b',
    '\u212a',
    'k',
    'x'.repeat(300),
    `${'x'.repeat(300)}y`,
    'X'.repeat(63),
  ];
  const stems = names.map(fileStem);
  for (const stem of stems) assert.match(stem, /^(?![.-])[a-z0-9._-]{1,80}$/);
  assert.equal(new Set(stems).size, names.length);
});

test('shell scripts: sh reads them to their ends', {
  skip: skipUnless({ programs: ['sh'] }),
}, async () => {
  for (const id of ['iptables', 'ufw', 'firewalld']) {
    const plan = withTexts([hostileName, ...pieces]);
    const { files, removal } = (await findRenderer(id)?.render(plan)) ?? { files: [], removal: [] };
    assert.equal(files.length, 8);
    for (const { content } of [...files, ...removal]) {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: String(content), encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  }
});

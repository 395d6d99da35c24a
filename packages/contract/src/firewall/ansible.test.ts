import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Plan } from '../plan/plan.ts';
import { arbitraryPlan } from '../testing/arbitrary-plan.ts';
import { compareSides, inPortTexts, type SideRules } from '../testing/host-sides.ts';
import { runPython, skipUnlessPython } from '../testing/python.ts';
import { renderNow } from '../testing/rendering.ts';
import { hostileName, samplePlan } from '../testing/sample-plan.ts';
import { contains } from '../testing/traffic.ts';
import { ansible } from './ansible.ts';
import type { RenderedFile } from './renderer.ts';

const variables = z.strictObject({
  holdfast_firewall: z.strictObject({
    state: z.enum(['present', 'absent']),
    otherwise: z.enum(['drop', 'leave']).optional(),
    rules: z.array(
      z.strictObject({
        direction: z.enum(['in', 'out']),
        protocol: z.enum(['tcp', 'udp']),
        ports: z.array(z.string()),
        peers: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])),
        comment: z.string(),
      }),
    ),
  }),
});

suite('Ansible variables', () => {
  test('each host may send and get exactly what is planned', () => {
    compareSides(samplePlan, reader(samplePlan));
  });

  test('so it may in any plan with any names', () => {
    fc.assert(
      fc.property(arbitraryPlan, (plan) => compareSides(plan, reader(plan))),
      { numRuns: 60 },
    );
  });

  test('the removal says so for the same hosts', () => {
    const { files, removal } = renderNow(ansible, samplePlan);
    assert.deepEqual(
      removal.map(({ path }) => path),
      files.map(({ path }) => `removal/${path}`),
    );
    for (const file of removal) assert.deepEqual(read(file), { holdfast_firewall: { state: 'absent', rules: [] } });
  });

  test('Ansible reads them, and finds nothing in them to evaluate', { skip: skipUnlessPython('ansible') }, (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'host_vars'));
    const { files } = renderNow(ansible, samplePlan);
    for (const { path, content } of files) writeFileSync(join(folder, 'host_vars', path), content);
    writeFileSync(join(folder, 'hosts'), `${files.map(({ path }) => path.replace(/\.yml$/, '')).join('\n')}\n`);
    const inventory: unknown = JSON.parse(runPython(inventoryScript, join(folder, 'hosts')));
    const { _meta: meta } = z
      .object({ _meta: z.object({ hostvars: z.record(z.string(), variables) }) })
      .parse(inventory);
    assert.deepEqual(
      meta.hostvars,
      Object.fromEntries(files.map((file) => [file.path.replace(/\.yml$/, ''), read(file)])),
    );
    for (const { content } of files) assert.doesNotMatch(String(content), /[{}]/);
    assert.ok(files.some(({ path }) => path.includes('evil')) && hostileName.includes('{'));
  });
});

const inventoryScript = `
import sys
from ansible.cli.inventory import main
main(['ansible-inventory', '-i', sys.stdin.read(), '--list'])
`;

function read({ content }: RenderedFile): z.infer<typeof variables> {
  const document = parseDocument(String(content), { strict: true, uniqueKeys: true });
  assert.deepEqual([...document.errors, ...document.warnings], []);
  return variables.parse(document.toJS());
}

function reader(plan: Plan): SideRules {
  const { files } = renderNow(ansible, plan);
  const managed = plan.hosts.filter((host) => host.managed);
  assert.equal(files.length, managed.length);
  const rulesOf = new Map(files.map((file, index) => [managed[index], read(file).holdfast_firewall.rules]));
  return {
    allows(direction, host, peer, { transport, port }) {
      const rules = rulesOf.get(host);
      assert.ok(rules);
      return rules.some(
        (rule) =>
          rule.direction === direction &&
          rule.protocol === transport &&
          inPortTexts(rule.ports, port) &&
          contains(rule.peers, peer.address),
      );
    },
  };
}

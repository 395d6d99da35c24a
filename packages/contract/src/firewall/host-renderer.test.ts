import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import type { Plan, PlannedHost } from '../plan/plan.ts';
import { samplePlan } from '../testing/sample-plan.ts';
import { renderers } from './registry.ts';

const hostRenderers = renderers.filter(({ scope }) => scope === 'host');

test('every renderer has an id of its own', () => {
  assert.ok(hostRenderers.length >= 6);
  assert.equal(new Set(renderers.map(({ id }) => id)).size, renderers.length);
});

for (const renderer of hostRenderers) {
  test(`${renderer.id}: one file a managed host, each with its removal, the same every time`, async () => {
    const { files, removal } = await renderer.render(samplePlan);
    assert.equal(files.length, samplePlan.hosts.filter(({ managed }) => managed).length);
    assert.deepEqual(
      removal.map(({ path }) => path),
      files.map(({ path }) => `removal/${path}`),
    );
    assert.deepEqual(await renderer.render(structuredClone(samplePlan)), await renderer.render(samplePlan));
    for (const { path, content } of files) {
      const alone = await renderer.render(samplePlan, {
        host: samplePlan.hosts[files.findIndex((file) => file.path === path)]?.name ?? '',
      });
      assert.deepEqual(alone.files, [{ path, content }]);
    }
  });

  test(`${renderer.id}: a host has no rules for a family of addresses that it is not in`, async () => {
    const texts = async (host: string): Promise<string> =>
      String((await renderer.render(samplePlan, { host })).files[0]?.content);
    const [four, six] = [await texts('store-2'), await texts('modern-1')];
    assert.ok(four.includes('10.1.0.53') && !four.includes('2001:db8:'));
    assert.ok(six.includes('2001:db8:1::53') && !/(?<!\d)10\.\d/.test(six));
  });

  test(`${renderer.id}: what becomes wider than the plan is named, once`, async () => {
    const { widenings } = await renderer.render(samplePlan);
    const named = widenings.map(({ flow, message }) => `${flow} ${message}`);
    assert.equal(named.length, 1);
    assert.match(
      named[0] ?? '',
      /^store-1,store-2>object-storage:tcp\/443 .*any address.*object-storage \*\.s3\.eu-central-1/,
    );
    assert.deepEqual((await renderer.render(samplePlan, { host: 'web-1' })).widenings, []);
  });

  test(`${renderer.id}: leased ports are closed where leases can open them, else it is said`, async () => {
    const { files, widenings } = await renderer.render(samplePlan, { host: 'store-1', leases: true });
    const said = widenings.some(({ flow, message }) => flow.endsWith('tcp/2500-3300') && /always open/i.test(message));
    assert.equal(said, /2500/.test(String(files[0]?.content)));
  });

  test(`${renderer.id}: a host that the plan does not have is an error`, () => {
    for (const host of ['nobody', 'dns-1', '', 'toString'])
      assert.throws(
        () => renderer.render(samplePlan, { host }),
        (error) => hasCode(error, 'usage.option'),
      );
  });
}

test('work and output grow with the number of hosts, not with its square', async () => {
  const [server] = samplePlan.hosts;
  const template = samplePlan.flows[2];
  assert.ok(server && template);
  const fleet = (count: number): Plan => {
    const agents = Array.from(
      { length: count },
      (_, index): PlannedHost => ({
        ...server,
        name: `agent-${index}`,
        addresses: [`10.${index >> 8}.${index & 255}.7`],
      }),
    );
    return { ...samplePlan, hosts: [server, ...agents], flows: [{ ...template, from: agents, to: [server] }] };
  };
  const characters = async (id: string, count: number): Promise<number> => {
    const { files } = (await hostRenderers.find((one) => one.id === id)?.render(fleet(count))) ?? { files: [] };
    return files.reduce((sum, { content }) => sum + content.length, 0);
  };
  for (const { id } of hostRenderers) {
    const small = await characters(id, 100);
    assert.ok((await characters(id, 1000)) < 11 * small, id);
  }
});

for (const renderer of renderers.filter(({ scope }) => scope === 'network' || scope === 'cloud'))
  test(`${renderer.id}: where leases were asked for, it is said that there are none`, async () => {
    const leased = samplePlan.flows.filter((flow) => flow.leased).map(({ id }) => id);
    const standing = async (leases: boolean): Promise<string[]> => {
      const { widenings } = await renderer.render(samplePlan, { leases });
      return widenings.filter(({ message }) => /always open/i.test(message)).map(({ flow }) => flow);
    };
    assert.deepEqual(await standing(true), leased);
    assert.deepEqual(await standing(false), []);
  });

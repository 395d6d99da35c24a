import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Plan, PlannedHost } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import { compareSides, type SideRules } from '../../testing/host-sides.ts';
import { runPython, skipUnlessPython } from '../../testing/python.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { contains } from '../../testing/traffic.ts';
import { managedGroups } from '../host-groups.ts';
import { kubernetes } from './kubernetes.ts';

const label = z.strictObject({ 'holdfast/group': z.string().regex(/^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/) });
const podSelector = z.strictObject({ matchLabels: label });
const peer = z.union([
  z.strictObject({ podSelector: z.union([podSelector, z.strictObject({})]) }),
  z.strictObject({ ipBlock: z.strictObject({ cidr: z.union([z.cidrv4(), z.cidrv6()]) }) }),
]);
const ports = z.array(
  z.strictObject({
    protocol: z.enum(['TCP', 'UDP']),
    port: z.int().min(1).max(65_535),
    endPort: z.int().max(65_535).optional(),
  }),
);
const metadata = z.object({ name: z.string().regex(/^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/) });
const policySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata,
  spec: z.strictObject({
    podSelector,
    policyTypes: z.tuple([z.literal('Ingress'), z.literal('Egress')]),
    ingress: z.array(z.strictObject({ from: z.array(peer).min(1), ports })),
    egress: z.array(z.strictObject({ to: z.array(peer).min(1), ports })),
  }),
});
type Policy = z.infer<typeof policySchema>;

suite('Kubernetes network policies', () => {
  test('each pod may send and get exactly what is planned', () => {
    compareSides(samplePlan, reader(samplePlan));
  });

  test('so it may in any plan with any names', () => {
    fc.assert(
      fc.property(arbitraryPlan, (plan) => compareSides(plan, reader(plan))),
      { numRuns: 60 },
    );
  });

  test('outside of the zones of the cluster there are no policies, and peers are addresses', () => {
    const zones = ['storage'];
    compareSides(samplePlan, reader(samplePlan, zones), ({ zone }) => zones.includes(zone));
    assert.equal(policiesOf(samplePlan, zones).length, 1);
  });

  test('every host stands beside its policy', () => {
    const content = contentOf(renderNow(kubernetes, samplePlan).files);
    for (const { name } of samplePlan.hosts.filter(({ managed }) => managed).slice(0, 7))
      assert.match(content, new RegExp(`^# {3}${name}$`, 'm'));
  });

  test('the removal names exactly the policies', () => {
    const { files, removal } = renderNow(kubernetes, samplePlan);
    const identity = z.object({ apiVersion: z.string(), kind: z.string(), metadata });
    const [applied, removed] = [files, removal].map((some) =>
      documents(contentOf(some)).map((one) => {
        const { apiVersion, kind, metadata: named } = identity.parse(one);
        return `${apiVersion} ${kind} ${named.name}`;
      }),
    );
    assert.deepEqual(removed, applied);
    assert.equal(new Set(applied).size, applied?.length);
  });

  test('policies always drop, so leaving everything else open is an error', () => {
    assert.throws(() => renderNow(kubernetes, samplePlan, { otherwise: 'leave' }), { code: 'plan.inexpressible' });
  });

  test('the published schema takes them, and refuses what is none', {
    skip: skipUnlessPython('kubernetes_validate'),
  }, () => {
    const { files, removal } = renderNow(kubernetes, samplePlan);
    const plans = fc.sample(arbitraryPlan, { numRuns: 10, seed: 4 });
    const rendered = plans.map((plan) => contentOf(renderNow(kubernetes, plan).files));
    const good = [contentOf(files), contentOf(removal), ...rendered];
    const [policy = ''] = contentOf(files).split('\n---\n');
    const bad = [
      policy.replace('endPort: 6194', 'endPort: "x"'),
      policy.replace('podSelector:', 'podSelectors:'),
      policy.replace('policyTypes:', 'policyType:'),
      policy.replace('kind: "NetworkPolicy"', 'kind: "NetworkPolice"'),
      policy.replace('cidr:', 'cidrs:'),
    ];
    for (const text of bad) assert.notEqual(text, policy);
    const answers: unknown = JSON.parse(runPython(schemaScript, JSON.stringify([...good, policy, ...bad])));
    assert.deepEqual(answers, [...good.map(() => true), true, ...bad.map(() => false)]);
  });
});

/** The schema of the newest release that the package has, which refuses fields that it does not know. */
const schemaScript = `
import json, sys, yaml, kubernetes_validate
version = kubernetes_validate.latest_version()
def is_valid(text):
    try:
        for one in yaml.safe_load_all(text):
            if one is not None:
                kubernetes_validate.validate(one, version, strict=True)
        return True
    except Exception:
        return False
print(json.dumps([is_valid(text) for text in json.load(sys.stdin)]))
`;

function documents(content: string): readonly unknown[] {
  const all = parseAllDocuments(content, { strict: true, uniqueKeys: true });
  return [...all].map((one) => {
    assert.deepEqual([...one.errors, ...one.warnings], []);
    const value: unknown = one.toJS();
    return value;
  });
}

function policiesOf(plan: Plan, zones?: readonly string[]): readonly Policy[] {
  const content = contentOf(renderNow(kubernetes, plan, zones ? { zones } : {}).files);
  return documents(content).map((one) => policySchema.parse(one));
}

/** What Kubernetes' documentation says: pods that a policy selects get and send what some rule of it allows. */
function reader(plan: Plan, zones?: readonly string[]): SideRules {
  const policies = policiesOf(plan, zones);
  const groups = managedGroups(plan, zones);
  assert.equal(policies.length, groups.length);
  const policyOf = new Map(groups.flatMap(({ hosts }, index) => hosts.map((host) => [host, policies[index]] as const)));
  const labelOf = (host: PlannedHost | undefined): string | undefined =>
    host && policyOf.get(host)?.spec.podSelector.matchLabels['holdfast/group'];
  assert.equal(
    new Set(policies.map((one) => one.spec.podSelector.matchLabels['holdfast/group'])).size,
    policies.length,
  );
  return {
    allows(direction, host, other, { transport, port }) {
      const spec = policyOf.get(host)?.spec;
      assert.ok(spec);
      const rules =
        direction === 'in'
          ? spec.ingress.map(({ from, ports: some }) => ({ peers: from, ports: some }))
          : spec.egress.map(({ to, ports: some }) => ({ peers: to, ports: some }));
      return rules.some(
        (rule) =>
          rule.ports.some(
            (one) => one.protocol === transport.toUpperCase() && port >= one.port && port <= (one.endPort ?? one.port),
          ) &&
          rule.peers.some((one) => {
            const pod = labelOf(other.host);
            // As networks do that take a block for what is outside of the cluster.
            if ('ipBlock' in one) return pod === undefined && contains([one.ipBlock.cidr], other.address);
            if (!('matchLabels' in one.podSelector)) return pod !== undefined;
            return one.podSelector.matchLabels['holdfast/group'] === pod;
          }),
      );
    },
  };
}

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Plan, PlannedHost } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import {
  assertRemoves,
  compareSides,
  readTerraform,
  type SideRules,
  type Terraform,
  text,
  texts,
} from '../../testing/host-sides.ts';
import { skipUnlessPython } from '../../testing/python.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { contains } from '../../testing/traffic.ts';
import { terraformAws } from './terraform-aws.ts';

const [server, , , web] = samplePlan.hosts;
const [flow] = samplePlan.flows;
assert.ok(server && web && flow);

suite('Terraform for AWS', { skip: skipUnlessPython('pygohcl') }, () => {
  test('each host may send and get exactly what is planned', () => {
    compareSides(samplePlan, readerOf(samplePlan));
  });

  test('so it may in any plan with any names', () => {
    const plans = fc.sample(arbitraryPlan, { numRuns: 30, seed: 1 });
    const parsed = readTerraform(plans.map((plan) => contentOf(renderNow(terraformAws, plan).files)));
    for (const [index, plan] of plans.entries()) compareSides(plan, reader(parsed[index]));
  });

  test('with zones, hosts elsewhere get no groups and are named by address', () => {
    const zones = ['storage', 'management'];
    const content = contentOf(renderNow(terraformAws, samplePlan, { zones }).files);
    const [parsed] = readTerraform([content]);
    compareSides(samplePlan, reader(parsed), ({ zone }) => zones.includes(zone));
    assert.deepEqual(Object.keys(parsed?.output ?? {}), ['backup-1', 'store-1', 'store-2']);
    assert.match(content, /cidr_ipv4 += "10\.3\.0\.21\/32"/);
    assert.throws(() => renderNow(terraformAws, samplePlan, { zones: ['nowhere'] }), { code: 'usage.option' });
  });

  test('the removal destroys exactly what was made', () => {
    const { files, removal } = renderNow(terraformAws, samplePlan);
    const [applied, removed] = readTerraform([contentOf(files), contentOf(removal)]);
    assert.ok(applied && removed);
    assertRemoves(removed, applied);
  });

  test('rules that do not fit into one group stand in several, up to the five of an interface', () => {
    const planOf = (count: number): Plan => {
      const addresses = Array.from({ length: count }, (_, index) => `10.20.${index >> 7}.${(index & 127) * 2}`);
      const source: PlannedHost = { ...web, managed: false, addresses };
      return { ...samplePlan, hosts: [server, source], flows: [{ ...flow, from: [source], to: [server] }] };
    };
    const plan = planOf(150);
    const [parsed] = readTerraform([contentOf(renderNow(terraformAws, plan).files)]);
    assert.ok(parsed);
    assert.equal(texts(parsed.output[server.name]).length, 3);
    compareSides(plan, reader(parsed));
    // The rule for the size of packets is one of the sixty.
    assert.equal(readTerraform([contentOf(renderNow(terraformAws, planOf(299)).files)]).length, 1);
    assert.throws(() => renderNow(terraformAws, planOf(300)), { code: 'plan.inexpressible' });
  });

  test('flows with overlapping ends give each rule once', () => {
    const both = { ...samplePlan, flows: [flow, { ...flow, id: 'again', channels: ['server-to-mover' as const] }] };
    const [parsed] = readTerraform([contentOf(renderNow(terraformAws, both).files)]);
    const descriptions = parsed?.resources.flatMap(({ type, attributes }) =>
      type.endsWith('egress_rule') ? [attributes['description']] : [],
    );
    assert.deepEqual(descriptions, ['windows-agent-service, server-to-mover']);
  });

  test('groups only allow, so leaving everything else open is an error', () => {
    assert.throws(() => renderNow(terraformAws, samplePlan, { otherwise: 'leave' }), { code: 'plan.inexpressible' });
  });

  test('the parser refuses what is no configuration', () => {
    for (const bad of ['resource "a" "b" {', 'resource "a" "b" {\n  x = "${"\n}\n', 'x = "a\nb"\n', 'x == 1\n'])
      assert.throws(() => readTerraform([bad]), bad);
  });
});

function readerOf(plan: Plan): SideRules {
  return reader(readTerraform([contentOf(renderNow(terraformAws, plan).files)])[0]);
}

/** What Amazon's documentation says of groups: a rule of any of a host's groups allows, and nothing else does. */
function reader(parsed: Terraform | undefined): SideRules {
  assert.ok(parsed);
  // Names like those of an object's own methods are names, too.
  const output = new Map(Object.entries(parsed.output));
  const groupsOf = (host: PlannedHost | undefined): readonly string[] => {
    const groups = host && output.get(host.name.normalize());
    return groups === undefined ? [] : texts(groups);
  };
  const keys = new Set<string>();
  for (const { type, label, attributes } of parsed.resources) {
    assert.match(label, /^[A-Za-z_][A-Za-z0-9_-]*$/);
    const { description } = attributes;
    assert.match(text(description), /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    if (type === 'aws_security_group') {
      assert.match(text(attributes['name']), /^(?!sg-)[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
      continue;
    }
    const { description: _, ...rest } = attributes;
    const key = JSON.stringify([type, rest]);
    assert.ok(!keys.has(key), `a rule twice: ${key}`);
    keys.add(key);
    const peers = ['cidr_ipv4', 'cidr_ipv6', 'referenced_security_group_id'].filter((name) => name in attributes);
    assert.equal(peers.length, 1, 'a rule has exactly one peer');
  }
  return {
    allows(direction, host, peer, { transport, port }) {
      const type = `aws_vpc_security_group_${direction === 'in' ? 'ingress' : 'egress'}_rule`;
      const [own, others] = [groupsOf(host), groupsOf(peer.host)];
      return parsed.resources.some(({ type: ruleType, attributes }) => {
        if (ruleType !== type || attributes['ip_protocol'] !== transport) return false;
        if (!own.includes(text(attributes['security_group_id']))) return false;
        if (port < Number(attributes['from_port']) || port > Number(attributes['to_port'])) return false;
        const { cidr_ipv4: four, cidr_ipv6: six, referenced_security_group_id: group } = attributes;
        if (group !== undefined) return others.includes(text(group));
        return contains([text(four ?? six)], peer.address);
      });
    },
  };
}

import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Plan } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import {
  type Attributes,
  assertRemoves,
  compareSides,
  inPortTexts,
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
import { terraformGoogle } from './terraform-google.ts';

const [server, , , web] = samplePlan.hosts;
const [flow] = samplePlan.flows;
assert.ok(server && web && flow);

suite('Terraform for Google Cloud', { skip: skipUnlessPython('pygohcl') }, () => {
  test('each host may send and get exactly what is planned', () => {
    const [parsed] = readTerraform([contentOf(renderNow(terraformGoogle, samplePlan).files)]);
    compareSides(samplePlan, reader(parsed));
  });

  test('so it may in any plan with any names', () => {
    const plans = fc.sample(arbitraryPlan, { numRuns: 30, seed: 3 });
    const parsed = readTerraform(plans.map((plan) => contentOf(renderNow(terraformGoogle, plan).files)));
    for (const [index, plan] of plans.entries()) compareSides(plan, reader(parsed[index]));
  });

  test('the removal destroys exactly what was made', () => {
    const { files, removal } = renderNow(terraformGoogle, samplePlan);
    const [applied, removed] = readTerraform([contentOf(files), contentOf(removal)]);
    assert.ok(applied && removed);
    assertRemoves(removed, applied);
  });

  test('with `leave` nothing is denied', () => {
    const [parsed] = readTerraform([contentOf(renderNow(terraformGoogle, samplePlan, { otherwise: 'leave' }).files)]);
    assert.equal(
      parsed?.resources.some(({ attributes }) => 'deny' in attributes),
      false,
    );
  });

  test('more tags or addresses than a rule takes become several rules', () => {
    const addresses = Array.from({ length: 300 }, (_, index) => `10.20.${index >> 7}.${(index & 127) * 2}`);
    const source = { ...web, managed: false, addresses };
    const targets = Array.from({ length: 72 }, (_, index) => ({
      ...server,
      name: `server-${index}`,
      addresses: [`10.30.0.${index}`],
    }));
    const plan: Plan = {
      ...samplePlan,
      hosts: [source, ...targets],
      // One more flow for each, so that each is a group of its own.
      flows: [
        { ...flow, from: [source], to: targets },
        ...targets.map((target, index) => ({ ...flow, id: `${index}`, from: [source], to: [target] })),
      ],
    };
    const [parsed] = readTerraform([contentOf(renderNow(terraformGoogle, plan).files)]);
    const rules = parsed?.resources.filter(({ attributes }) => 'allow' in attributes) ?? [];
    assert.equal(rules.length, 2 * 2 + 72 * 2);
    reader(parsed);
  });
});

/** What Google's documentation says: of the rules for a tag, the one with the lowest priority that matches decides. */
function reader(parsed: Terraform | undefined): SideRules {
  assert.ok(parsed);
  const rules = parsed.resources
    .map(({ type, attributes }) => {
      assert.equal(type, 'google_compute_firewall');
      assert.match(text(attributes['name']), /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      assert.ok(text(attributes['description']).length <= 2048);
      const isIngress = attributes['direction'] === 'INGRESS';
      const ranges = texts(attributes[isIngress ? 'source_ranges' : 'destination_ranges']);
      assert.equal(attributes[isIngress ? 'destination_ranges' : 'source_ranges'], undefined);
      assert.equal(new Set(ranges.map((range) => isIPv4(range.split('/')[0] ?? ''))).size, 1, 'families are not mixed');
      const tags = texts(attributes['target_tags']);
      assert.ok(ranges.length <= 256 && tags.length <= 70);
      for (const tag of tags) assert.match(tag, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      return { isIngress, ranges, tags, attributes, priority: Number(attributes['priority']) };
    })
    .sort((left, right) => left.priority - right.priority);
  return {
    allows(direction, host, peer, { transport, port }) {
      const tag = text(parsed.output[host.name.normalize()]);
      const decisive = rules.find(({ isIngress, ranges, tags, attributes }) => {
        if (isIngress !== (direction === 'in') || !tags.includes(tag) || !contains(ranges, peer.address)) return false;
        const action: unknown = attributes['allow'] ?? attributes['deny'];
        assert.ok(isAttributes(action));
        if (action['protocol'] === 'all') return true;
        return action['protocol'] === transport && inPortTexts(texts(action['ports']), port);
      });
      assert.ok(decisive, 'a rule of ours decides');
      return 'allow' in decisive.attributes;
    },
  };
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null;
}

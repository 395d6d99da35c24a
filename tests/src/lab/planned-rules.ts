import { findRenderer } from '@holdfast/contract/firewall';
import type { Plan } from '@holdfast/contract/plan';
import type { LabNetwork } from '@holdfast/lab';

/** Replaces the firewall of every computer of a plan by the planned rules, as `holdfast ports plan --format nftables` prints them. */
export async function loadPlannedRules(network: LabNetwork, plan: Plan): Promise<void> {
  const renderer = findRenderer('nftables');
  if (!renderer) throw new Error('the renderer for nftables is missing');
  for (const { name, managed } of plan.hosts) {
    if (!managed) continue;
    const { files } = await renderer.render(plan, { host: name });
    for (const { content } of files) network.host(name).namespace.nft(content.toString());
  }
}

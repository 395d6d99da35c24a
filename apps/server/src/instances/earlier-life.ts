import type { Catalogue } from '../catalogue/catalogue.ts';
import { forgetHeld } from '../computers/computers.ts';
import { giveBack } from '../runs/claims.ts';

/** Clears up what an earlier life of this instance left in the catalogue. To be called before anybody can begin anything here. */
export async function endEarlierLife(catalogue: Catalogue, instance: string): Promise<void> {
  for (const tenant of await catalogue.tenants()) {
    await forgetHeld(catalogue.tenant(tenant), instance);
    await giveBack(catalogue.tenant(tenant), { of: instance });
  }
}

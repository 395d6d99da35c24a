import type { ExpectedComputer } from '@holdfast/protocol';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { ServerWork } from './perform-with-server.ts';

/** Prints what groups expect, whether it has joined or not. */
export async function printExpected(
  query: { readonly group?: string; readonly state?: ExpectedComputer['state'] },
  { client, signal, json }: Pick<ServerWork, 'client' | 'signal'> & { readonly json: boolean | undefined },
): Promise<void> {
  const expected = await client.list('expectedComputers', { query, signal });
  if (json) return printJson({ kind: 'expected-computers', expected });
  const rows = expected.map((one) => [
    one.name,
    one.noLongerListedAt === undefined ? one.state : `no longer listed since ${shownTime(one.noLongerListedAt)}`,
    one.group,
    one.address ?? '',
    one.platform ?? '',
    one.comment ?? '',
  ]);
  await printText(table([['Name', 'State', 'Group', 'Address', 'Platform', 'Comment'], ...rows]));
}

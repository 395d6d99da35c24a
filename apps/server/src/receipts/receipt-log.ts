import {
  firstReceiptHash,
  type ListedReceipt,
  maxReceiptProblems,
  type ReceiptDrill,
  type ReceiptSigner,
  type Run,
  receiptDrill,
  receiptHash,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { ReceiptsTable } from '../catalogue/chain-tables.ts';
import { readJson } from '../json-column.ts';
import { loadRepository } from '../repositories.ts';
import type { WorkOrder } from '../runs/work-order.ts';

/** Messages of problems may name long paths. */
const maxMessageCharacters = 2_000;

/** Receipts of drills: signed, each tenant's in one chain, which the database lets nobody change. */
export class ReceiptLog {
  readonly #signer: ReceiptSigner;

  constructor(signer: ReceiptSigner) {
    this.#signer = signer;
  }

  /**
   * Writes the receipt of a drill that has ended, in the transaction that ends its run: there is none without the other. The
   * head's row is locked first, so that two writers, of two processes too, come one after the other.
   */
  async append(scope: TenantScope, run: Run, order: Extract<WorkOrder, { kind: 'drill' }>): Promise<void> {
    const { tenant, query } = scope;
    const drill = await drillOf(scope, run, order);
    await query
      .insertInto('receiptHeads')
      .values({ number: 0, hash: firstReceiptHash })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const { number, hash: previousHash } = await query
      .updateTable('receiptHeads')
      .set((row) => ({ number: row('number', '+', 1) }))
      .returning(['number', 'hash'])
      .executeTakeFirstOrThrow();
    const jws = await this.#signer.sign({ tenant, number, previousHash, drill });
    await query
      .insertInto('receipts')
      .values({
        number,
        at: drill.endedAt,
        outcome: drill.outcome,
        runId: drill.runId,
        repositoryId: drill.repositoryId,
        agentId: drill.agentId,
        snapshotId: drill.snapshotId,
        drillJson: JSON.stringify(drill),
        jws,
      })
      .execute();
    await query
      .updateTable('receiptHeads')
      .set({ hash: receiptHash(jws) })
      .execute();
  }
}

async function drillOf(
  scope: TenantScope,
  run: Run,
  order: Extract<WorkOrder, { kind: 'drill' }>,
): Promise<ReceiptDrill> {
  const { name } = await loadRepository(scope, run.repositoryId);
  const endedAt = run.endedAt ?? run.queuedAt;
  const told = ({ code, message }: { code: string; message: string }) => ({
    code,
    message: message.slice(0, maxMessageCharacters),
  });
  return {
    runId: run.id,
    repositoryId: run.repositoryId,
    repository: name,
    agentId: order.agentId,
    hostname: order.hostname,
    snapshotId: order.snapshotId,
    takenAt: order.takenAt,
    startedAt: run.startedAt ?? endedAt,
    endedAt,
    outcome: run.result ? 'good' : 'failed',
    ...(run.result?.kind === 'drill' ? { result: run.result } : {}),
    ...(run.error ? { error: told(run.error) } : {}),
    problems: run.problems.slice(0, maxReceiptProblems).map(told),
    problemCount: run.problemCount,
  };
}

export function receiptView({ number, drillJson, jws }: Selectable<ReceiptsTable>): ListedReceipt {
  return { number, drill: readJson(receiptDrill, drillJson, 'receipts.drillJson'), jws };
}

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { CompiledQuery } from 'kysely';
import { SharedCommits } from './shared-commits.ts';
import { SqliteFile } from './sqlite-file.ts';

/** A table, and the names of it that are committed. */
function open(t: TestContext) {
  const path = join(temporaryFolder(t), 'database.sqlite');
  const file = new SqliteFile(path);
  file.run('create table things (name text primary key)');
  const commits = new SharedCommits(file);
  /** Resolves when it has had its turn: what it gives resolves when it is committed. */
  const insert = async (name: string): Promise<{ readonly committed: Promise<void> }> => {
    const member = await commits.join({ canBeUndone: true });
    member.execute(CompiledQuery.raw('insert into things values (?)', [name]));
    return { committed: member.leave('commit') };
  };
  const committed = (): unknown[] => {
    using other = new DatabaseSync(path);
    return other
      .prepare('select name from things order by name')
      .all()
      .map(({ name }) => name);
  };
  return { file, commits, insert, committed };
}

test('when neither the commit nor its undoing works, all who wait are told why, and whoever comes next', async (t) => {
  const { file, commits, insert, committed } = open(t);
  const waiting = [await insert('a'), await insert('b')].map((one) => one.committed);
  file.close();
  for (const one of await Promise.allSettled(waiting))
    assert.match(String(one.status === 'rejected' && one.reason), /database is not open/);
  await assert.rejects(insert('c'), /database is not open/);
  await commits.settle();
  assert.deepEqual(committed(), []);
});

test('a part that can not be undone takes the others with it, who are told; the next transaction has nothing of them', async (t) => {
  const { file, commits, insert, committed } = open(t);
  const other = await insert('a');
  const told = assert.rejects(other.committed, /no such savepoint/);
  const member = await commits.join({ canBeUndone: true });
  member.execute(CompiledQuery.raw('insert into things values (?)', ['b']));
  // What it would go back to is not there any more.
  file.run('release member');
  await assert.rejects(member.leave('rollback'), /no such savepoint/);
  const next = await insert('c');
  await told;
  await next.committed;
  assert.deepEqual(committed(), ['c']);
});

test('what could not be undone is not joined: the next transaction begins without it', async (t) => {
  const { file, insert, committed } = open(t);
  file.run("begin; insert into things values ('left over')");
  const next = await insert('a');
  await next.committed;
  assert.deepEqual(committed(), ['a']);
});

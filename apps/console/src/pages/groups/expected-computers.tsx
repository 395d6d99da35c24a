import type { Group } from '@holdfast/protocol';
import { Button, Stack, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';

const shown = 200;
const changed = ['expectedComputers', 'group', 'groups'] as const;

/** Computers that are to join a group, and whether they have. */
export function ExpectedComputers({ group }: { readonly group: Group }): ReactNode {
  const t = useText();
  const may = useMay();
  const expected = useQuery(routeQuery('expectedComputers', { query: { group: group.name, limit: shown } }));
  const rows = expected.data?.expected ?? [];
  return (
    <Card title={t('expected.title')}>
      <Stack gap="md">
        {expected.error && <ProblemAlert error={expected.error} />}
        {rows.length === 0 ? (
          <span>{t('expected.none')}</span>
        ) : (
          <PlainTable
            label={t('expected.title')}
            rows={rows}
            keyOf={({ name }) => name}
            columns={[
              {
                id: 'name',
                head: t('computers.column.name'),
                cell: ({ name, computerId }) =>
                  computerId === undefined ? (
                    name
                  ) : (
                    <Link to="/computers/$id" params={{ id: computerId }}>
                      {name}
                    </Link>
                  ),
              },
              { id: 'address', head: t('computers.column.address'), cell: ({ address }) => address, wide: true },
              { id: 'state', head: t('computers.state'), cell: ({ state }) => t(`expected.${state}`) },
              { id: 'comment', head: t('expected.comment'), cell: ({ comment }) => comment, wide: true },
            ]}
          />
        )}
        {expected.data?.next !== undefined && <p>{t('expected.more', { count: shown })}</p>}
        {group.type === 'individual' && may('expectComputers') && <ExpectMore group={group.name} />}
        {group.type === 'csv' && group.csvFile === null && may('uploadCsv') && <UploadList group={group.name} />}
      </Stack>
    </Card>
  );
}

function ExpectMore({ group }: { readonly group: string }): ReactNode {
  const t = useText();
  const [names, setNames] = useState('');
  const expect = useAction('expectComputers', changed);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const lines = names.split('\n').map((line) => line.trim());
    const computers = lines.filter((line) => line !== '').map((name) => ({ name }));
    expect.mutate({ params: { id: group }, body: { computers } }, { onSuccess: () => setNames('') });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Textarea
          label={t('expected.add')}
          description={t('protect.folders.hint')}
          required
          autosize
          minRows={1}
          value={names}
          onChange={({ currentTarget }) => setNames(currentTarget.value)}
        />
        {expect.error && <ProblemAlert error={expect.error} />}
        <div>
          <Button type="submit" variant="default" loading={expect.isPending}>
            {t('expected.submit')}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

function UploadList({ group }: { readonly group: string }): ReactNode {
  const t = useText();
  const [content, setContent] = useState('');
  const upload = useAction('uploadCsv', changed);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    upload.mutate({ params: { id: group }, body: { content } }, { onSuccess: () => setContent('') });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Textarea
          label={t('expected.csv')}
          description={t('expected.csv.hint')}
          required
          autosize
          minRows={3}
          maxRows={12}
          value={content}
          onChange={({ currentTarget }) => setContent(currentTarget.value)}
        />
        {upload.error && <ProblemAlert error={upload.error} />}
        <div>
          <Button type="submit" variant="default" loading={upload.isPending}>
            {t('expected.csv.submit')}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

import type { AccessView } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage, useText } from '../../i18n/language.tsx';

/** Where one has signed in, and what API tokens there are. */
export function OwnAccess(): ReactNode {
  const t = useText();
  const access = useQuery(routeQuery('ownAccess', {}));
  const revoke = useAction('revokeOwnAccess', ['ownAccess']);
  const error = access.error ?? revoke.error;
  return (
    <Card title={t('access.title')}>
      {error && <ProblemAlert error={error} />}
      <AccessTable access={access.data?.access ?? []} onRevoke={(id) => revoke.mutate({ params: { id } })} />
    </Card>
  );
}

export function AccessTable(o: {
  readonly access: readonly AccessView[];
  readonly onRevoke: (id: string) => void;
}): ReactNode {
  const { t, formats } = useLanguage();
  return (
    <PlainTable
      label={t('access.title')}
      rows={o.access}
      keyOf={({ id }) => id}
      columns={[
        {
          id: 'kind',
          head: t('access.column.what'),
          cell: ({ kind, name, present }) => (
            <>
              {name === '' ? t(`access.kind.${kind}`) : `${t(`access.kind.${kind}`)}: ${name}`}
              {present && ` (${t('access.present')})`}
            </>
          ),
        },
        { id: 'from', head: t('access.column.from'), cell: ({ remoteAddress }) => remoteAddress, wide: true },
        { id: 'used', head: t('access.column.used'), cell: ({ lastUsedAt }) => <Age at={lastUsedAt} /> },
        {
          id: 'expires',
          head: t('tokens.expires'),
          cell: ({ expiresAt }) => formats.dateTime(expiresAt),
          wide: true,
        },
        {
          id: 'end',
          head: t('table.actions'),
          align: 'end',
          cell: ({ id, kind, name, present, createdAt }) =>
            !present && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={t('access.end.named', {
                  name: name || `${t(`access.kind.${kind}`)} ${formats.dateTime(createdAt)}`,
                })}
                onClick={() => o.onRevoke(id)}
              >
                {t('access.end')}
              </Button>
            ),
        },
      ]}
    />
  );
}

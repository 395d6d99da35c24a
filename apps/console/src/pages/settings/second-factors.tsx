import { Button, Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { CopyLine } from '../../components/copy-line.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { AddFactor } from './add-factor.tsx';

/** What is asked for besides the password. */
export function SecondFactors(): ReactNode {
  const { t, formats } = useLanguage();
  const account = useQuery(routeQuery('account', {}));
  const remove = useAction('removeSecondFactor', ['account']);
  const renew = useAction('renewRecoveryCodes', ['account']);
  const [codes, setCodes] = useState<readonly string[]>();
  const factors = account.data?.user.secondFactors ?? [];
  const error = remove.error ?? renew.error;
  return (
    <Card
      title={t('factors.title')}
      aside={account.data && <StateBadge state={factors.length > 0 ? 'enabled' : 'disabled'} />}
    >
      <Stack gap="md">
        {factors.length === 0 ? (
          <span>{t('factors.none')}</span>
        ) : (
          <PlainTable
            label={t('factors.title')}
            rows={factors}
            keyOf={({ id }) => id}
            columns={[
              { id: 'name', head: t('factors.column.name'), cell: ({ name }) => name },
              { id: 'kind', head: t('factors.column.kind'), cell: ({ kind }) => t(`factors.kind.${kind}`) },
              {
                id: 'at',
                head: t('factors.column.at'),
                cell: ({ createdAt }) => formats.dateTime(createdAt),
                wide: true,
              },
              {
                id: 'remove',
                head: t('table.actions'),
                align: 'end',
                cell: ({ id, name }) => (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t('factors.remove.named', { name })}
                    loading={remove.isPending && remove.variables.params.id === id}
                    onClick={() => remove.mutate({ params: { id } })}
                  >
                    {t('factors.remove')}
                  </Button>
                ),
              },
            ]}
          />
        )}
        {error && <ProblemAlert error={error} />}
        {codes && (
          <div role="status">
            <p>{t('due.factor.codes')}</p>
            <CopyLine label={t('due.factor.codes.label')}>{codes.join('\n')}</CopyLine>
          </div>
        )}
        {factors.length > 0 && (
          <Group gap="md">
            <span>{t('factors.codes-left', { count: account.data?.recoveryCodesLeft ?? 0 })}</span>
            <Button
              variant="default"
              size="compact-sm"
              loading={renew.isPending}
              onClick={() => renew.mutate({}, { onSuccess: ({ recoveryCodes }) => setCodes(recoveryCodes) })}
            >
              {t('factors.renew')}
            </Button>
          </Group>
        )}
        <AddFactor onCodes={setCodes} />
      </Stack>
    </Card>
  );
}

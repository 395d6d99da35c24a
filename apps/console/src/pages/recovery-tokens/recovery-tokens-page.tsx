import type { RecoveryToken } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useRef } from 'react';
import { pagesQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { Refusal } from '../restore/refusal.tsx';
import { NewToken } from './new-token.tsx';

/** Recovery tokens: for restores to a computer that has not joined, or is no more. */
export function RecoveryTokensPage(): ReactNode {
  const { t } = useLanguage();
  return (
    <Stacked>
      <PageHead title={t('recovery-tokens.title')} subtitle={t('recovery-tokens.lead')}>
        <Button component={Link} to="/restore" variant="default">
          {t('recovery-tokens.back')}
        </Button>
      </PageHead>
      <NewToken />
      <Tokens />
    </Stacked>
  );
}

function Tokens(): ReactNode {
  const { t, formats } = useLanguage();
  const tokens = useInfiniteQuery(pagesQuery('recoveryTokens', { query: { limit: 100 } }));
  const revoke = useAction('revokeRecoveryToken', ['recoveryTokens']);
  const said = useRef<HTMLParagraphElement>(null);
  const rows = tokens.data?.pages.flatMap((page) => page.tokens) ?? [];
  return (
    <Card title={t('recovery-tokens.there')}>
      {tokens.error && <Refusal error={tokens.error} />}
      {revoke.error && <Refusal error={revoke.error} />}
      <p ref={said} role="status" tabIndex={-1}>
        {revoke.data && t('recovery-tokens.revoked', { count: revoke.data.certificates })}
      </p>
      {tokens.data && rows.length === 0 ? (
        t('recovery-tokens.none')
      ) : (
        <PlainTable
          label={t('recovery-tokens.there')}
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            { id: 'note', head: t('recovery-tokens.note'), cell: ({ note }) => note },
            { id: 'scope', head: t('recovery-tokens.scope'), cell: ({ scope }) => <Scope scope={scope} /> },
            { id: 'actor', head: t('recovery-tokens.by'), cell: ({ actor }) => actor, wide: true },
            {
              id: 'uses',
              head: t('recovery-tokens.uses-left'),
              cell: ({ usesLeft }) => formats.number(usesLeft),
              align: 'end',
            },
            { id: 'expires', head: t('recovery-tokens.expires'), cell: ({ expiresAt }) => formats.dateTime(expiresAt) },
            {
              id: 'used',
              head: t('recovery-tokens.used'),
              wide: true,
              cell: ({ lastUsedAt, lastUsedFrom }) => (
                <>
                  <Age at={lastUsedAt} /> {lastUsedFrom}
                </>
              ),
            },
            {
              id: 'revoke',
              head: t('table.actions'),
              align: 'end',
              cell: ({ id, note }) => (
                <Button
                  size="compact-sm"
                  variant="default"
                  color="red"
                  aria-label={t('recovery-tokens.revoke.named', { note })}
                  loading={revoke.isPending && revoke.variables.params.id === id}
                  // The button goes with its row.
                  onClick={() => revoke.mutate({ params: { id } }, { onSuccess: () => said.current?.focus() })}
                >
                  {t('recovery-tokens.revoke')}
                </Button>
              ),
            },
          ]}
        />
      )}
      {tokens.hasNextPage && (
        <Button variant="subtle" mt="sm" onClick={() => void tokens.fetchNextPage()}>
          {t('action.more')}
        </Button>
      )}
    </Card>
  );
}

function Scope({ scope }: { readonly scope: RecoveryToken['scope'] }): ReactNode {
  const { t } = useLanguage();
  return (
    <>
      {scope.computers.map((id) => (
        <span key={id}>
          <ComputerName id={id} />{' '}
        </span>
      ))}
      {scope.repositories.length > 0 && `${t('recovery-tokens.repositories', { count: scope.repositories.length })} `}
      {scope.snapshots.length > 0 && t('recovery-tokens.snapshots', { count: scope.snapshots.length })}
    </>
  );
}

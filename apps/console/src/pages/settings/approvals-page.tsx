import type { Approval } from '@holdfast/protocol';
import { Button, Group, SegmentedControl, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage, useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { SettingsFrame } from './settings-frame.tsx';

const changed = ['approvals', 'overview', 'users', 'jobs', 'policies', 'repositories'] as const;

/** What waits for a second administrator, with all that they need to decide. */
export function ApprovalsPage(): ReactNode {
  const t = useText();
  const [only, setOnly] = useState<'waiting' | 'all'>('waiting');
  const approvals = useQuery({ ...routeQuery('approvals', { query: { only } }), refetchInterval: 15_000 });
  const rows = approvals.data?.approvals ?? [];
  return (
    <SettingsFrame page="approvals">
      <div>
        <SegmentedControl
          aria-label={t('approvals.which')}
          value={only}
          onChange={(value) => setOnly(value === 'all' ? 'all' : 'waiting')}
          data={(['waiting', 'all'] as const).map((value) => ({ value, label: t(`approvals.${value}`) }))}
        />
      </div>
      {approvals.error && <ProblemAlert error={approvals.error} />}
      {approvals.data && rows.length === 0 && <Card>{t('approvals.none')}</Card>}
      {rows.map((approval) => (
        <ApprovalCard key={approval.id} approval={approval} />
      ))}
    </SettingsFrame>
  );
}

function ApprovalCard({ approval }: { readonly approval: Approval }): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const account = useQuery(routeQuery('account', {}));
  const approve = useAction('approveRequest', changed);
  const reject = useAction('rejectRequest', changed);
  const withdraw = useAction('withdrawRequest', changed);
  const params = { id: approval.id };
  const isOwn = approval.requestedBy === `user/${account.data?.user.name ?? ''}`;
  const isWaiting = approval.state === 'waiting';
  const error = approve.error ?? reject.error ?? withdraw.error;
  return (
    <Card title={approval.action} aside={t(`approvals.state.${approval.state}`)}>
      <Stack gap="md">
        <Facts
          facts={[
            [t('approvals.by'), approval.requestedBy],
            [t('approvals.at'), formats.dateTime(approval.requestedAt)],
            [t('tokens.expires'), formats.dateTime(approval.expiresAt)],
            ...(approval.decidedBy === undefined ? [] : [[t('approvals.decided-by'), approval.decidedBy] as const]),
            ...Object.entries(approval.request).map(
              ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
            ),
          ]}
        />
        {approval.error && <p>{approval.error.message}</p>}
        {error && <ProblemAlert error={error} />}
        {isWaiting && (
          <Group gap="sm">
            {may('approveRequest') && !isOwn && (
              <Button loading={approve.isPending} onClick={() => approve.mutate({ params })}>
                {t('approvals.approve')}
              </Button>
            )}
            {may('rejectRequest') && !isOwn && (
              <Button variant="default" loading={reject.isPending} onClick={() => reject.mutate({ params })}>
                {t('approvals.reject')}
              </Button>
            )}
            {isOwn && (
              <Button variant="default" loading={withdraw.isPending} onClick={() => withdraw.mutate({ params })}>
                {t('approvals.withdraw')}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Card>
  );
}

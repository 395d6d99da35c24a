import { Button, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useFormats, useText } from '../../i18n/language.tsx';
import { useMay, useMayOpen } from '../../session/rights.ts';
import { MissingPage } from '../missing-page.tsx';
import { SnapshotList } from '../snapshot-list.tsx';
import { ComputerJobs } from './computer-jobs.tsx';
import { ComputerStates } from './computer-states.tsx';

const route = getRouteApi('/computers/$id');

/** One computer: how it is, what protects it, and which backups of it there are. */
export function ComputerPage(): ReactNode {
  const t = useText();
  const formats = useFormats();
  const may = useMay();
  const mayOpen = useMayOpen();
  const { id } = route.useParams();
  const computer = useQuery(routeQuery('computer', { params: { id } }));
  const rescan = useAction('rescanComputer', ['computer', 'computers']);
  if (computer.error) return <MissingPage error={computer.error} />;
  if (!computer.data) return <Loader aria-label={t('app.loading')} />;
  const one = computer.data;
  return (
    <Stacked>
      <PageHead title={one.hostname} subtitle={<ComputerStates computer={one} />}>
        {one.role === 'agent' && mayOpen('/restore') && (
          <Button renderRoot={(props) => <Link to="/restore" search={{ computer: id }} {...props} />}>
            {t('restore.title')}
          </Button>
        )}
        {may('rescanComputer') && (
          <Button variant="default" loading={rescan.isPending} onClick={() => rescan.mutate({ params: { id } })}>
            {t('computer.rescan')}
          </Button>
        )}
      </PageHead>
      {rescan.error && <ProblemAlert error={rescan.error} />}
      <Card title={t('computer.facts')}>
        <Facts
          facts={[
            [t('computers.role'), t(`computers.role.${one.role}`)],
            [
              t('computers.group'),
              <Link key="group" to="/computers" search={{ group: one.group }}>
                {one.group}
              </Link>,
            ],
            [t('computers.column.platform'), t(`platform.${one.platform}`)],
            [t('computers.column.address'), one.address],
            [t('computers.column.version'), one.productVersion],
            [
              t('computer.last-seen'),
              one.state === 'online' ? t('computer.now') : <Age at={one.lastSeenAt} key="seen" />,
            ],
            ...(one.role === 'agent'
              ? [[t('computers.column.backup'), <Age at={one.lastBackupAt} key="backup" />] as const]
              : []),
            [t('computer.enrolled'), formats.dateTime(one.enrolledAt)],
            [t('computer.certificate'), formats.dateTime(one.certificateExpiresAt)],
          ]}
        />
      </Card>
      {one.role === 'agent' && <ComputerJobs computer={one} />}
      {one.role === 'agent' && <SnapshotList of={{ agentId: one.id }} />}
    </Stacked>
  );
}

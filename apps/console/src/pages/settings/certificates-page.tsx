import type { Answer, ComputerDetail } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { pagesQuery, routeQuery } from '../../api/queries.ts';
import { saveFile } from '../../api/save-file.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { ComputerStates } from '../computers/computer-states.tsx';
import { SettingsFrame } from './settings-frame.tsx';

type Certificate = Answer<'certificates'>['certificates'][number];

const pageSize = 200;

/** The CA, this server and the computers: what they are known by, and when that ends. */
export function CertificatesPage(): ReactNode {
  const { t } = useLanguage();
  const own = useQuery(routeQuery('certificates', {}));
  const root = own.data?.certificates.find(({ kind }) => kind === 'root');
  return (
    <SettingsFrame
      page="certificates"
      actions={
        root && (
          <Button variant="default" onClick={() => saveFile('holdfast-ca.pem', root.pem)}>
            {t('certificates.save')}
          </Button>
        )
      }
    >
      {own.error && <ProblemAlert error={own.error} />}
      <Card title={t('certificates.ca')}>
        <OwnCertificates certificates={own.data?.certificates ?? []} />
        <p>{t('certificates.renewal')}</p>
      </Card>
      <Card title={t('certificates.computers')}>
        <ComputerCertificates />
      </Card>
    </SettingsFrame>
  );
}

function OwnCertificates({ certificates }: { readonly certificates: readonly Certificate[] }): ReactNode {
  const { t } = useLanguage();
  return (
    <PlainTable
      label={t('certificates.ca')}
      rows={certificates}
      keyOf={({ kind }) => kind}
      columns={[
        { id: 'kind', head: t('certificates.what'), cell: ({ kind }) => t(`certificates.kind.${kind}`) },
        { id: 'names', head: t('certificates.names'), cell: ({ names }) => names.join(', '), wide: true },
        { id: 'ends', head: t('certificates.ends'), cell: ({ expiresAt }) => <End at={expiresAt} /> },
        {
          id: 'fingerprint',
          head: t('certificates.fingerprint'),
          cell: ({ fingerprint }) => <code>{fingerprint}</code>,
          wide: true,
        },
      ]}
    />
  );
}

/** Of all that are trusted; the first to end comes first. */
function ComputerCertificates(): ReactNode {
  const { t } = useLanguage();
  const [descending, setDescending] = useState(false);
  const order = descending ? 'desc' : 'asc';
  const computers = useInfiniteQuery(
    pagesQuery('computers', { query: { limit: pageSize, state: 'trusted', sort: 'certificate', order } }),
  );
  const columns: readonly Column<ComputerDetail, 'certificate'>[] = [
    {
      id: 'name',
      head: t('certificates.what'),
      cell: ({ id, hostname }) => (
        <Link to="/computers/$id" params={{ id }}>
          {hostname}
        </Link>
      ),
    },
    { id: 'role', head: t('computers.role'), cell: ({ role }) => t(`computers.role.${role}`), wide: true },
    { id: 'state', head: t('computers.column.state'), cell: (row) => <ComputerStates computer={row} />, wide: true },
    {
      id: 'ends',
      head: t('certificates.ends'),
      sort: 'certificate',
      cell: ({ certificateExpiresAt }) => <End at={certificateExpiresAt} />,
    },
    {
      id: 'serial',
      head: t('certificates.serial'),
      cell: ({ certificateSerial }) => <code>{certificateSerial}</code>,
      wide: true,
    },
  ];
  if (computers.error) return <ProblemAlert error={computers.error} />;
  return (
    <DataTable
      label={t('certificates.computers')}
      rows={computers.data?.pages.flatMap((page) => page.computers) ?? []}
      keyOf={({ id }) => id}
      columns={columns}
      sort={{ by: 'certificate', descending }}
      onSort={(sort) => setDescending(sort.descending)}
      empty={t('computers.none')}
      isLoading={computers.isPending || computers.isFetchingNextPage}
      hasMore={computers.hasNextPage}
      onMore={() => void computers.fetchNextPage()}
    />
  );
}

function End({ at }: { readonly at: string }): ReactNode {
  const { formats } = useLanguage();
  return (
    <>
      {formats.dateTime(at)} (<Age at={at} />)
    </>
  );
}

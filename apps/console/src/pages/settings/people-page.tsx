import type { User } from '@holdfast/protocol';
import { Button, Modal } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { NewPerson } from './new-person.tsx';
import { PersonForm } from './person-form.tsx';
import { SettingsFrame } from './settings-frame.tsx';

/** Who may sign in, as what, and whether a second factor protects them. */
export function PeoplePage(): ReactNode {
  const t = useText();
  const may = useMay();
  const users = useQuery(routeQuery('users', {}));
  const [open, setOpen] = useState<string>();
  const chosen = users.data?.users.find(({ id }) => id === open);
  return (
    <SettingsFrame
      page="people"
      actions={
        may('createUser') && (
          <Button leftSection={<IconPlus size={17} aria-hidden="true" />} onClick={() => setOpen('new')}>
            {t('people.add')}
          </Button>
        )
      }
    >
      {users.error ? (
        <ProblemAlert error={users.error} />
      ) : (
        <DataTable<User>
          label={t('settings.people')}
          rows={users.data?.users ?? []}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'name',
              head: t('people.column.name'),
              cell: (user) => (
                <Button variant="transparent" size="compact-sm" px={0} onClick={() => setOpen(user.id)}>
                  {user.displayName === user.name ? user.name : `${user.displayName} (${user.name})`}
                </Button>
              ),
            },
            { id: 'role', head: t('people.column.role'), cell: ({ role }) => t(`role.${role}`) },
            {
              id: 'groups',
              head: t('people.column.groups'),
              cell: ({ groups }) => groups?.join(', ') ?? t('people.all-groups'),
              wide: true,
            },
            {
              id: 'factors',
              head: t('people.column.factors'),
              cell: ({ secondFactors }) =>
                secondFactors.length === 0
                  ? t('people.no-factor')
                  : [...new Set(secondFactors.map(({ kind }) => t(`factors.kind.${kind}`)))].join(', '),
              wide: true,
            },
            {
              id: 'seen',
              head: t('people.column.seen'),
              cell: ({ lastSignInAt }) => <Age at={lastSignInAt} />,
              wide: true,
            },
            {
              id: 'state',
              head: t('computers.state'),
              cell: ({ disabled }) => <StateBadge state={disabled ? 'disabled' : 'enabled'} />,
              wide: true,
            },
          ]}
          empty={t('people.none')}
          isLoading={users.isPending}
          hasMore={false}
          onMore={() => undefined}
        />
      )}
      <Modal
        opened={open !== undefined}
        onClose={() => setOpen(undefined)}
        size="lg"
        title={open === 'new' ? t('people.add') : chosen?.displayName}
        closeButtonProps={{ 'aria-label': t('action.close') }}
      >
        {open === 'new' && <NewPerson onDone={() => setOpen(undefined)} />}
        {chosen && <PersonForm key={chosen.id} user={chosen} onDone={() => setOpen(undefined)} />}
      </Modal>
    </SettingsFrame>
  );
}

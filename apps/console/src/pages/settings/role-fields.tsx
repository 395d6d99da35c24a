import type { PersonRole } from '@holdfast/protocol';
import { Checkbox, Group, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { useText } from '../../i18n/language.tsx';
import { personRoles } from './person-roles.ts';

/** What an account may do: its role, for all groups or for some. */
export interface Rights {
  readonly role: PersonRole;
  /** None chosen: all of them. */
  readonly groups: readonly string[];
}

export function RoleFields(o: { readonly rights: Rights; readonly onChange: (rights: Rights) => void }): ReactNode {
  const t = useText();
  const known = useQuery(routeQuery('groups', { query: { limit: 1000 } }));
  const { role, groups } = o.rights;
  return (
    <>
      <NativeSelect
        label={t('people.column.role')}
        description={t(`role.${role}.hint`)}
        value={role}
        onChange={({ currentTarget }) =>
          o.onChange({ role: personRoles.find((one) => one === currentTarget.value) ?? 'auditor', groups })
        }
        data={personRoles.map((value) => ({ value, label: t(`role.${value}`) }))}
      />
      <Checkbox.Group
        label={t('people.groups')}
        description={t('people.groups.hint')}
        value={[...groups]}
        onChange={(names) => o.onChange({ role, groups: names })}
      >
        <Group gap="lg" mt={8}>
          {known.data?.groups.map(({ name }) => (
            <Checkbox key={name} value={name} label={name} />
          ))}
        </Group>
      </Checkbox.Group>
    </>
  );
}

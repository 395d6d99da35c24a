import type { Group } from '@holdfast/protocol';
import { Button, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { pagesQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { oneOf } from '../search-values.ts';
import { groupTypes, parseGroupsSearch } from './groups-search.ts';

const route = getRouteApi('/groups');

const pageSize = 200;

/** Groups of computers: what joins them, and what they expect. */
export function GroupsPage(): ReactNode {
  const t = useText();
  const may = useMay();
  const [isAdding, setIsAdding] = useState(false);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const show = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ search: parseGroupsSearch({ ...search, ...change }), replace: true });
  const isFiltered = search.text !== undefined || search.type !== undefined;
  const groups = useInfiniteQuery(pagesQuery('groups', { query: { limit: pageSize, ...search } }));
  const columns: readonly Column<Group, 'name'>[] = [
    {
      id: 'name',
      head: t('groups.column.name'),
      cell: ({ name }) => (
        <Link to="/groups/$id" params={{ id: name }}>
          {name}
        </Link>
      ),
      sort: 'name',
    },
    { id: 'type', head: t('groups.column.type'), cell: ({ type }) => t(`groups.type.${type}`) },
    {
      id: 'computers',
      head: t('computers.title'),
      cell: ({ name, lastRescan }) => {
        const text = lastRescan ? t('computers.total', { count: lastRescan.computers }) : t('groups.look');
        return (
          <Link to="/computers" search={{ group: name }} aria-label={`${text}, ${name}`}>
            {text}
          </Link>
        );
      },
    },
    {
      id: 'unmanaged',
      head: t('groups.column.unmanaged'),
      cell: ({ lastRescan }) => lastRescan?.unmanaged ?? '–',
      wide: true,
    },
    {
      id: 'rescan',
      head: t('groups.column.rescan'),
      cell: ({ lastRescan }) => <Age at={lastRescan?.at} />,
      wide: true,
    },
    {
      id: 'enabled',
      head: t('computers.state'),
      cell: ({ enabled }) => <StateBadge state={enabled ? 'enabled' : 'disabled'} />,
      wide: true,
    },
  ];
  return (
    <>
      <PageHead title={t('groups.title')} subtitle={t('groups.lead')}>
        {may('createGroup') && (
          <Button leftSection={<IconPlus size={17} aria-hidden="true" />} onClick={() => setIsAdding(true)}>
            {t('groups.add')}
          </Button>
        )}
      </PageHead>
      {groups.error && <ProblemAlert error={groups.error} />}
      <FilterBar label={t('filter.label')}>
        <SearchField label={t('repositories.search')} value={search.text ?? ''} onChange={(text) => show({ text })} />
        <NativeSelect
          aria-label={t('groups.column.type')}
          value={search.type ?? ''}
          onChange={({ currentTarget: { value } }) => show({ type: oneOf(value, groupTypes) })}
          data={[
            { value: '', label: t('groups.type.any') },
            ...groupTypes.map((value) => ({ value, label: t(`groups.type.${value}`) })),
          ]}
        />
        {isFiltered && (
          <Button component={Link} to="/groups" variant="default">
            {t('filter.drop-all')}
          </Button>
        )}
      </FilterBar>
      <DataTable
        label={t('groups.title')}
        rows={groups.data?.pages.flatMap((page) => page.groups) ?? []}
        keyOf={({ name }) => name}
        columns={columns}
        sort={{ by: 'name', descending: search.order === 'desc' }}
        onSort={({ descending }) => show({ order: descending ? 'desc' : undefined })}
        empty={t(isFiltered ? 'groups.none-found' : 'groups.none')}
        isLoading={groups.isPending || groups.isFetchingNextPage}
        hasMore={groups.hasNextPage}
        onMore={() => void groups.fetchNextPage()}
      />
      <Modal
        opened={isAdding}
        onClose={() => setIsAdding(false)}
        title={t('groups.add')}
        closeButtonProps={{ 'aria-label': t('action.close') }}
      >
        <NewGroup />
      </Modal>
    </>
  );
}

function NewGroup(): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [type, setType] = useState<(typeof groupTypes)[number]>('individual');
  const create = useAction('createGroup', ['groups']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate(
      { body: { name: name.trim(), type } },
      { onSuccess: (group) => void navigate({ to: '/groups/$id', params: { id: group.name } }) },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={t('groups.name')}
          description={t('repository.name.hint')}
          required
          data-autofocus
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <NativeSelect
          label={t('groups.column.type')}
          description={t(`groups.type.${type}.hint`)}
          value={type}
          onChange={({ currentTarget }) =>
            setType(groupTypes.find((one) => one === currentTarget.value) ?? 'individual')
          }
          data={groupTypes.map((value) => ({ value, label: t(`groups.type.${value}`) }))}
        />
        {create.error && <ProblemAlert error={create.error} />}
        <Button type="submit" loading={create.isPending}>
          {t('groups.create')}
        </Button>
      </Stack>
    </form>
  );
}

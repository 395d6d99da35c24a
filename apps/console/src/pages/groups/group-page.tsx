import type { Group } from '@holdfast/protocol';
import { Button, Checkbox, Loader, Group as Row, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call, tagged } from '../../api/call.ts';
import { invalidateRoutes, routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useLanguage, useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { DeleteButton } from '../delete-button.tsx';
import { MissingPage } from '../missing-page.tsx';
import { ExpectedComputers } from './expected-computers.tsx';
import { JoinTokens } from './join-tokens.tsx';

const route = getRouteApi('/groups/$id');

/** One group: its settings, the computers that it expects, and what computers join it with. */
export function GroupPage(): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const navigate = useNavigate();
  const { id } = route.useParams();
  const group = useQuery(routeQuery('group', { params: { id } }));
  const rescan = useAction('rescanGroup', ['group', 'groups', 'expectedComputers', 'computers']);
  if (group.error) return <MissingPage error={group.error} />;
  if (!group.data) return <Loader aria-label={t('app.loading')} />;
  const { name, type, lastRescan, nextRescanAt } = group.data;
  return (
    <Stacked>
      <PageHead title={name} subtitle={t(`groups.type.${type}.hint`)}>
        {may('deleteGroup') && (
          <DeleteButton
            route="deleteGroup"
            of="group"
            id={name}
            name={name}
            warning={t('group.delete.hint')}
            changes={['groups']}
            onDeleted={() => void navigate({ to: '/groups' })}
          />
        )}
        {may('rescanGroup') && (
          <Button loading={rescan.isPending} onClick={() => rescan.mutate({ params: { id } })}>
            {t('group.rescan')}
          </Button>
        )}
      </PageHead>
      {rescan.error && <ProblemAlert error={rescan.error} />}
      <Card
        title={t('group.facts')}
        aside={
          <Link to="/computers" search={{ group: name }}>
            {t('groups.look')}
          </Link>
        }
      >
        <Facts
          facts={[
            [t('groups.column.rescan'), <Age key="at" at={lastRescan?.at} />],
            [t('group.next-rescan'), nextRescanAt === undefined ? '–' : formats.dateTime(nextRescanAt)],
            ...(lastRescan
              ? ([
                  [t('computers.title'), formats.number(lastRescan.computers)],
                  [t('state.online'), formats.number(lastRescan.online)],
                  [t('group.expected'), formats.number(lastRescan.expected)],
                  [t('groups.column.unmanaged'), formats.number(lastRescan.unmanaged)],
                  [t('state.out-of-date'), formats.number(lastRescan.outOfDate)],
                ] as const)
              : []),
          ]}
        />
        {lastRescan?.error !== undefined && <p>{lastRescan.error}</p>}
      </Card>
      {may('changeGroup') && <GroupSettings key={name} group={group.data} />}
      {may('tokens') && <JoinTokens group={name} />}
      <ExpectedComputers group={group.data} />
    </Stacked>
  );
}

function GroupSettings({ group }: { readonly group: Group }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [enabled, setEnabled] = useState(group.enabled);
  const [rescanAt, setRescanAt] = useState(group.rescanAt ?? '');
  const [exclusions, setExclusions] = useState(group.exclusions.join('\n'));
  const change = useMutation({
    mutationFn: async () => {
      const params = { id: group.name };
      const { answer, tag } = await tagged('group', { params });
      const lines = exclusions.split('\n').map((line) => line.trim());
      return call('changeGroup', {
        params,
        ifMatch: tag,
        body: {
          csvFile: answer.csvFile,
          enabled,
          rescanAt: rescanAt === '' ? null : rescanAt,
          exclusions: lines.filter((line) => line !== ''),
        },
      });
    },
    onSettled: () => invalidateRoutes(client, ['group', 'groups']),
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Card title={t('group.settings')}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Checkbox
            label={t('group.enabled')}
            checked={enabled}
            onChange={({ currentTarget }) => setEnabled(currentTarget.checked)}
          />
          {group.type !== 'preinstalled' && (
            <Row>
              <TextInput
                type="time"
                label={t('group.rescan-at')}
                description={t('group.rescan-at.hint')}
                value={rescanAt}
                onChange={({ currentTarget }) => setRescanAt(currentTarget.value)}
              />
            </Row>
          )}
          <Textarea
            label={t('group.exclusions')}
            description={t('group.exclusions.hint')}
            autosize
            minRows={1}
            value={exclusions}
            onChange={({ currentTarget }) => setExclusions(currentTarget.value)}
          />
          {change.error && <ProblemAlert error={change.error} />}
          <Row>
            <Button type="submit" variant="default" loading={change.isPending}>
              {t('action.save')}
            </Button>
            <span role="status">{change.isSuccess && t('action.saved')}</span>
          </Row>
        </Stack>
      </form>
    </Card>
  );
}

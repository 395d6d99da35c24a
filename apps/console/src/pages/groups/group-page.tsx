import type { Group } from '@holdfast/protocol';
import { Button, Checkbox, Loader, Group as Row, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode, SubmitEvent } from 'react';
import { ifAsSeen } from '../../api/as-seen.ts';
import { call } from '../../api/call.ts';
import { invalidateRoutes, routeKey, routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SaveProblem } from '../../components/save-problem.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useDraft } from '../../components/use-draft.ts';
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
            seen={group.data}
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

/** What can be written about a group. */
function draftOf({ enabled, rescanAt, exclusions }: Group) {
  return { enabled, rescanAt: rescanAt ?? '', exclusions: exclusions.join('\n') };
}

function GroupSettings({ group }: { readonly group: Group }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const { seen, draft, write, reset } = useDraft(group, draftOf);
  const { enabled, rescanAt, exclusions } = draft;
  const params = { id: group.name };
  const change = useMutation({
    mutationFn: () => {
      const lines = exclusions.split('\n').map((line) => line.trim());
      const body = {
        csvFile: seen.csvFile,
        enabled,
        rescanAt: rescanAt === '' ? null : rescanAt,
        exclusions: lines.filter((line) => line !== ''),
      };
      return ifAsSeen({ of: 'group', ...params, seen }, (guard) => call('changeGroup', { ...guard, body }));
    },
    onSuccess: (changed) => {
      client.setQueryData(routeKey('group', { params }), changed);
      reset();
    },
    onSettled: () => invalidateRoutes(client, ['group', 'groups']),
  });
  const startAnew = (): void => {
    change.reset();
    reset();
  };
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
            onChange={({ currentTarget }) => write({ enabled: currentTarget.checked })}
          />
          {group.type !== 'preinstalled' && (
            <Row>
              <TextInput
                type="time"
                label={t('group.rescan-at')}
                description={t('group.rescan-at.hint')}
                value={rescanAt}
                onChange={({ currentTarget }) => write({ rescanAt: currentTarget.value })}
              />
            </Row>
          )}
          <Textarea
            label={t('group.exclusions')}
            description={t('group.exclusions.hint')}
            autosize
            minRows={1}
            value={exclusions}
            onChange={({ currentTarget }) => write({ exclusions: currentTarget.value })}
          />
          {change.error && <SaveProblem error={change.error} onReset={startAnew} />}
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

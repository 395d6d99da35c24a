import { Checkbox, Group, Radio, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../../api/queries.ts';
import { useText } from '../../../i18n/language.tsx';
import type { JobKind } from '../job-kinds.ts';
import { ComputerPicker } from './computer-picker.tsx';
import type { ChangeDraft, JobDraft } from './job-draft.ts';

/** Which computers, and how much of them. */
export function ScopeStep({
  kind,
  draft,
  onChange,
}: {
  readonly kind: JobKind;
  readonly draft: JobDraft;
  readonly onChange: ChangeDraft;
}): ReactNode {
  const t = useText();
  const groups = useQuery(routeQuery('groups', { query: { limit: 1000 } }));
  const { scope } = draft;
  return (
    <>
      <TextInput
        label={t(`wizard.name.${kind}`)}
        required
        maxLength={200}
        value={draft.name}
        onChange={({ currentTarget }) => onChange({ name: currentTarget.value })}
      />
      <Checkbox.Group
        label={t('wizard.groups')}
        description={t('wizard.groups.hint')}
        value={[...draft.groups]}
        onChange={(names) => onChange({ groups: names })}
      >
        <Group gap="lg" mt={8}>
          {groups.data?.groups.map(({ name }) => (
            <Checkbox key={name} value={name} label={name} />
          ))}
        </Group>
      </Checkbox.Group>
      <ComputerPicker chosen={draft.computers} onChange={(computers) => onChange({ computers })} />
      <Radio.Group
        label={t('protect.scope')}
        value={scope.kind}
        onChange={(kind) =>
          onChange({ scope: kind === 'folders' ? { kind: 'folders', paths: [] } : { kind: 'computer' } })
        }
      >
        <Group gap="lg" mt={8}>
          <Radio value="computer" label={t('protect.scope.computer')} />
          <Radio value="folders" label={t('protect.scope.folders')} />
        </Group>
      </Radio.Group>
      {scope.kind === 'folders' && (
        <Textarea
          label={t('protect.folders')}
          description={t('protect.folders.hint')}
          required
          autosize
          minRows={2}
          value={scope.paths.join('\n')}
          onChange={({ currentTarget }) =>
            onChange({ scope: { kind: 'folders', paths: currentTarget.value.split('\n') } })
          }
        />
      )}
      <Textarea
        label={t('wizard.excludes')}
        description={t('wizard.excludes.hint')}
        autosize
        minRows={1}
        value={draft.excludes.join('\n')}
        onChange={({ currentTarget }) => onChange({ excludes: currentTarget.value.split('\n') })}
      />
      <Checkbox
        label={t('wizard.one-file-system')}
        checked={draft.oneFileSystem}
        onChange={({ currentTarget }) => onChange({ oneFileSystem: currentTarget.checked })}
      />
    </>
  );
}

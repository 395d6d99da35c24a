import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Checkbox, NativeSelect, Radio, Stack, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import { ComputerChoice } from './computer-choice.tsx';
import classes from './restore-dialog.module.css';

const policies = ['refuse', 'never', 'if-newer', 'if-changed', 'always'] as const;

export interface Choices {
  readonly computer: 'original' | 'other';
  readonly other: string | undefined;
  readonly place: 'folder' | 'original';
  readonly folder: string;
  readonly overwrite: (typeof policies)[number];
  readonly verify: boolean;
  readonly deletes: boolean;
}

/** What can harm nothing: an empty folder, and every file compared. */
export const firstChoices: Choices = {
  computer: 'original',
  other: undefined,
  place: 'folder',
  folder: '',
  overwrite: 'refuse',
  verify: true,
  deletes: false,
};

export function RestoreForm(o: {
  readonly point: CatalogueSnapshot;
  readonly choices: Choices;
  readonly onChange: (choices: Choices) => void;
  readonly isZeroKnowledge: boolean;
  /** Of the computer that it goes to, as far as it is known. */
  readonly platform: string | undefined;
}): ReactNode {
  const t = useText();
  const { choices, point } = o;
  const change = (part: Partial<Choices>): void => o.onChange({ ...choices, ...part });
  return (
    <div className={classes['columns']}>
      <Stack gap="sm">
        <Radio.Group
          label={t('restore.to-computer')}
          value={choices.computer}
          onChange={(value) => change({ computer: value === 'other' ? 'other' : 'original' })}
        >
          <Stack gap={6} mt={6}>
            <Radio value="original" label={t('restore.to-computer.original', { name: point.hostname })} />
            <Radio value="other" label={t('restore.to-computer.other')} disabled={o.isZeroKnowledge} />
          </Stack>
        </Radio.Group>
        {o.isZeroKnowledge && <p className={classes['soft']}>{t('restore.zero-knowledge.computer')}</p>}
        {choices.computer === 'other' && (
          <ComputerChoice
            label={t('restore.other-computer')}
            value={choices.other}
            onChange={(other) => change({ other })}
            without={point.agentId}
          />
        )}
        <Radio.Group
          label={t('restore.to-place')}
          value={choices.place}
          onChange={(value) =>
            change(
              value === 'original'
                ? { place: 'original', overwrite: choices.overwrite === 'refuse' ? 'if-changed' : choices.overwrite }
                : { place: 'folder' },
            )
          }
        >
          <Stack gap={6} mt={6}>
            <Radio value="folder" label={t('restore.to-place.folder')} />
            <Radio value="original" label={t('restore.to-place.original')} />
          </Stack>
        </Radio.Group>
        {choices.place === 'folder' && (
          <TextInput
            label={t('restore.folder')}
            description={t(o.platform === 'win32' ? 'restore.folder.hint.windows' : 'restore.folder.hint')}
            value={choices.folder}
            onChange={({ currentTarget }) => change({ folder: currentTarget.value })}
          />
        )}
      </Stack>
      <Stack gap="sm">
        <NativeSelect
          label={t('restore.overwrite')}
          description={t(`restore.overwrite.${choices.overwrite}.hint`)}
          value={choices.overwrite}
          onChange={({ currentTarget }) => {
            const overwrite = policies.find((policy) => policy === currentTarget.value) ?? 'refuse';
            change(overwrite === 'refuse' ? { overwrite, deletes: false } : { overwrite });
          }}
          data={policies.map((value) => ({ value, label: t(`restore.overwrite.${value}`) }))}
        />
        <Checkbox
          checked={choices.verify}
          onChange={({ currentTarget }) => change({ verify: currentTarget.checked })}
          label={t('restore.verify')}
          description={t('restore.verify.hint')}
        />
        <div>
          <Checkbox
            checked={choices.deletes}
            disabled={choices.overwrite === 'refuse' || o.isZeroKnowledge}
            onChange={({ currentTarget }) => change({ deletes: currentTarget.checked })}
            label={t('restore.deletes')}
          />
          {choices.deletes && <p className={classes['warning']}>{t('restore.deletes.warning')}</p>}
        </div>
      </Stack>
    </div>
  );
}

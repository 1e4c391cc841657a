import { PasswordInput, TextInput } from '@mantine/core';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import type { Area } from './draft';
import classes from './delivery.module.css';
import { Rows, type PartProps } from './Rows';

/** Areas that ask for a name and a password. */
export function Passwords({ value, set, disabled, error }: PartProps<Area[]>) {
  return (
    <Section title={t('sites.delivery.passwords.title')} hint={t('sites.delivery.passwords.hint')}>
      <Rows
        rows={value}
        set={set}
        fresh={() => ({ path: '/*', realm: '', users: [{ name: '', password: '', known: false }] })}
        add={t('sites.delivery.passwords.add')}
        name={(index) => t('sites.delivery.passwords.one', { number: String(index + 1) })}
        disabled={disabled}
        error={(index) => error(`/areas/${index}`)}
      >
        {(area, change) => (
          <>
            <TextInput className={classes.small} label={t('sites.delivery.path')} spellCheck={false} disabled={disabled} value={area.path} onChange={(event) => change({ path: event.currentTarget.value })} />
            <TextInput label={t('sites.delivery.passwords.realm')} description={t('sites.delivery.passwords.realmHint')} disabled={disabled} value={area.realm} onChange={(event) => change({ realm: event.currentTarget.value })} />
            <div className={classes.whole}>
              <Rows
                rows={area.users}
                set={(users) => change({ users })}
                fresh={() => ({ name: '', password: '', known: false })}
                add={t('sites.delivery.passwords.addUser')}
                name={(at) => t('sites.delivery.passwords.user', { name: area.users[at]?.name || String(at + 1) })}
                disabled={disabled}
                error={() => undefined}
              >
                {(user, changeUser) => (
                  <>
                    <TextInput label={t('sites.delivery.passwords.name')} autoComplete="off" disabled={disabled || user.known} value={user.name} onChange={(event) => changeUser({ name: event.currentTarget.value })} />
                    <PasswordInput
                      label={t('sites.delivery.passwords.password')}
                      placeholder={user.known ? t('sites.delivery.passwords.kept') : undefined}
                      autoComplete="new-password"
                      disabled={disabled}
                      value={user.password}
                      onChange={(event) => changeUser({ password: event.currentTarget.value })}
                    />
                  </>
                )}
              </Rows>
            </div>
          </>
        )}
      </Rows>
    </Section>
  );
}

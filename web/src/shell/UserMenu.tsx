import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { CircleUserRound, LogOut, MonitorSmartphone, UserCog } from 'lucide-react';
import { useActing } from '@/api/acting';
import { logOut, useMe } from '@/api/session';
import { t } from '@/i18n';
import { Dropdown } from '@/ui/Dropdown';
import { errorText } from '@/ui/feedback';
import { toast } from '@/ui/toast';
import classes from './Shell.module.css';

export function UserMenu() {
  const me = useMe();
  const { paths } = useActing();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await navigate({ to: '/login' });
      await logOut(client);
    } catch (error) {
      toast(errorText(error));
    }
  };
  return (
    <Dropdown kind="menu" side="end" width={240} label={t('shell.user.menu')} buttonLabel={t('shell.user.menu')} buttonClass={classes.icon} button={<CircleUserRound size={19} aria-hidden />}>
      {(close) => (
        <>
          <div className={classes.who} role="presentation">
            <strong>{me.user.name}</strong>
            <span>{me.user.email}</span>
          </div>
          <Link role="menuitem" className={classes.option} to={paths.profile} onClick={close}>
            <UserCog size={15} aria-hidden /> {t('shell.nav.profile')}
          </Link>
          <Link role="menuitem" className={classes.option} to={paths.sessions} onClick={close}>
            <MonitorSmartphone size={15} aria-hidden /> {t('shell.nav.sessions')}
          </Link>
          <button type="button" role="menuitem" className={classes.option} onClick={() => void leave()}>
            <LogOut size={15} aria-hidden /> {t('shell.user.logOut')}
          </button>
        </>
      )}
    </Dropdown>
  );
}

-- The address to which a link to a new password went: it is good for as long as that is the account's. Links of before this
-- column, half an hour's, are asked for once more.
delete from identity.password_resets;
alter table identity.password_resets add column email_normalised text not null;

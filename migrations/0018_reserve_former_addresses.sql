-- Why: the owner of an account that was taken over gets it back by undoing the change of its address. Nobody may stand in the way by
-- taking the former address for another account: while it can be undone it is taken, for registration, import and change alike.
SET LOCAL ROLE latchkey_migrator;

CREATE INDEX one_time_tokens_undo_idx ON one_time_tokens (email) WHERE purpose = 'undo_email_change';

-- These run after the unique index has let a row in, and so after the change that freed its address was committed: their own statements
-- see that change and its token. With the owner's rights, because not everyone who makes users may read tokens.
CREATE FUNCTION refuse_former_addresses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added JOIN public.one_time_tokens t ON t.email OPERATOR(public.=) added.email
    WHERE t.purpose = 'undo_email_change' AND t.user_id <> added.id AND t.expires_at > now())
  THEN
    RAISE EXCEPTION 'The address can still go back to the account that had it.'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_email_key';
  END IF;
  RETURN NULL;
END
$$;

-- Once a statement: an import adds thousands of rows with one.
CREATE TRIGGER users_refuse_former_addresses AFTER INSERT ON users
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_former_addresses();

CREATE FUNCTION refuse_former_address() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (
    SELECT FROM public.one_time_tokens
    WHERE purpose = 'undo_email_change' AND email OPERATOR(public.=) NEW.email AND user_id <> NEW.id AND expires_at > now())
  THEN
    RAISE EXCEPTION 'The address can still go back to the account that had it.'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_email_key';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER users_refuse_former_address AFTER UPDATE OF email ON users
FOR EACH ROW EXECUTE FUNCTION refuse_former_address();

REVOKE ALL ON FUNCTION refuse_former_addresses(), refuse_former_address() FROM PUBLIC;

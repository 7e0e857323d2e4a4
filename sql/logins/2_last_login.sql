-- Each login of a known user updates the last login of that user. A login with an unknown id matches no user and has no effect.
EXECUTE STATEMENT SET BEGIN
INSERT INTO users
SELECT l.login_id, u.user_name, l.created_time
FROM logins AS l JOIN users FOR SYSTEM_TIME AS OF l.at AS u ON u.login_id = l.login_id;

INSERT INTO seen
SELECT l.login_id, u.user_name, l.created_time
FROM logins AS l JOIN users FOR SYSTEM_TIME AS OF l.at AS u ON u.login_id = l.login_id;
END;

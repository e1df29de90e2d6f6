-- The push-worker: sends batches and records outcomes, tries credentials, pauses a project. Nothing of images is its to see.
GRANT SELECT (id, firebase_project_id, credentials_encrypted, credentials_secret, quota_per_minute, paused_until),
    UPDATE (paused_until, pause_reason) ON apps TO fanfare_push_worker;
GRANT SELECT (id, user_id, token, platform, is_active) ON devices TO fanfare_push_worker;
GRANT SELECT, UPDATE ON campaigns TO fanfare_push_worker;
GRANT SELECT, INSERT, UPDATE ON batches, probes TO fanfare_push_worker;
GRANT SELECT, INSERT ON deliveries TO fanfare_push_worker;
GRANT SELECT ON campaign_plans TO fanfare_push_worker;
GRANT INSERT ON dead_letters, notifications TO fanfare_push_worker;

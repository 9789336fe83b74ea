"""None. Django tells an app of `post_migrate`, on which the roles are made, only where it has this module."""

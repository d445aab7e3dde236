"""Small views that know no presenter: they draw what they are given and tell what was done to them."""

"""This app and its peers, each a site of its own in processes of its own, alike but for what they measure."""

"""What infra/deploy is made of: commands, checks, models, image, stacks, tasks."""

"""Task definitions and their cohorts."""

from svct.tasks.cohort import Cohort, Patient
from svct.tasks.task import Task, load_task, task_names

__all__ = ["Cohort", "Patient", "Task", "load_task", "task_names"]

mod damage;
mod hostile;
mod round;
mod support;
